//! Registrations of resource providers that are not through yet.
//!
//! Must never be shorter or longer than the settings said when one began.

use jiff::Timestamp;

use crate::clock::later;
use crate::simulation::Simulation;
use crate::world::Registration;

/// Which provider is being registered where.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) subscription: String,
    pub(crate) namespace: String,
}

impl Pending {
    fn is(&self, subscription: &str, namespace: &str) -> bool {
        self.subscription.eq_ignore_ascii_case(subscription) && self.namespace.eq_ignore_ascii_case(namespace)
    }
}

/// All that run, with their ends.
#[derive(Debug, Default)]
pub(crate) struct Registrations(Vec<(Timestamp, Pending)>);

impl Registrations {
    /// Whether one runs.
    pub(crate) fn runs(&self, subscription: &str, namespace: &str) -> bool {
        self.0.iter().any(|(_, pending)| pending.is(subscription, namespace))
    }
}

impl Simulation {
    /// Begins a registration, and ends it at once where that takes no time. One that runs already goes on.
    pub(crate) fn begin_registration(&mut self, pending: Pending) {
        if self.registrations.runs(&pending.subscription, &pending.namespace) {
            return;
        }
        let now = self.clock.now();
        self.registrations.0.push((later(now, self.settings.registration_seconds), pending));
        self.end_registrations(now);
    }

    /// Ends what is due.
    pub(crate) fn end_registrations(&mut self, now: Timestamp) {
        let (due, rest) =
            std::mem::take(&mut self.registrations.0).into_iter().partition(|(end, _)| *end <= now);
        self.registrations.0 = rest;
        let due: Vec<(Timestamp, Pending)> = due;
        for (_, Pending { subscription, namespace }) in due {
            // The subscription may be gone by now, and then nobody asks.
            let _ = self.world.set_registration(&subscription, &namespace, Registration::Registered);
        }
    }
}
