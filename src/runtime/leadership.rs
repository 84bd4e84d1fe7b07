//! Who may write.
//!
//! Every write to Azure takes a [`Permit`], and only [`Leadership`] can make one: writing without leadership does not
//! compile. Until there is a lease, the start of the process hands out leadership, which is right for one replica
//! that is stopped before the next one starts; it does not protect from two replicas.

/// Proof that this process is the one that writes.
#[derive(Debug)]
pub struct Leadership(());

/// Leave to perform one write, not to be kept.
#[derive(Debug)]
pub struct Permit<'a>(std::marker::PhantomData<&'a Leadership>);

impl Leadership {
    /// Leadership by being the only process. Called once, by the composition root.
    pub fn of_the_only_replica() -> Self {
        Self(())
    }

    /// Leave to write now; `None` once leadership is lost.
    pub fn permit(&self) -> Option<Permit<'_>> {
        Some(Permit(std::marker::PhantomData))
    }
}
