//! The course of time: operations end, and others act by the clock.
//!
//! Everything due is done in the order of its time, whenever somebody looks. Must never do anything early.

use jiff::Timestamp;

use crate::clock::{later, seconds_between};
use crate::operations::{Failure, Leaves, Status};
use crate::pool_readings::RecreatedIdentity;
use crate::settings::Terraform;
use crate::simulation::Simulation;
use crate::world::{Entry, Name, Names, Pool, ProvisioningState, World};

/// Seconds; what is shorter would never be through.
const SHORTEST_INTERVAL: f64 = 1.0;

/// When the next run of each Terraform is due, by its pool.
#[derive(Debug, Default)]
pub(crate) struct Schedule(Names<Timestamp>);

impl Schedule {
    /// Takes note of Terraforms that are new, and drops those that are gone.
    fn follow(&mut self, actors: &[Terraform], now: Timestamp) {
        let named = |actor: &Terraform| Name::from(actor.run.pool.as_str());
        let active = || actors.iter().filter(|actor| actor.every_seconds >= SHORTEST_INTERVAL);
        self.0.retain(|pool, _| active().any(|actor| named(actor) == *pool));
        for actor in active() {
            self.0.entry(named(actor)).or_insert_with(|| later(now, actor.every_seconds));
        }
    }

    fn next_due(&self, now: Timestamp) -> Option<(Timestamp, Name)> {
        self.0.iter().map(|(pool, due)| (*due, pool.clone())).filter(|(due, _)| *due <= now).min()
    }
}

impl Simulation {
    /// Lets happen whatever was due by now.
    pub(crate) fn catch_up(&mut self) {
        let now = self.clock.now();
        self.end_registrations(now);
        if self.settings.readings.pools.recreated_identity == RecreatedIdentity::Followed {
            self.follow_identities();
        }
        self.schedule.follow(&self.settings.terraform, now);
        loop {
            let (end, run) = (self.operations.next_due(now), self.schedule.next_due(now));
            let end_first =
                end.as_ref().is_some_and(|(ends, _)| run.as_ref().is_none_or(|(due, _)| ends <= due));
            match (end, run) {
                (Some((at, id)), _) if end_first => self.end(&id, at),
                (_, Some((due, pool))) => self.run_terraform(&pool, due, now),
                (_, None) => return,
            }
        }
    }

    /// Keeps a pool's state from before a change, for reads that lag behind.
    pub(crate) fn remember_pool(&mut self, key: &Name, before: Option<Pool>, at: Timestamp) {
        if let Some(until) = self.older_shown_until(at) {
            self.replicas.pools.remember(key, before, until);
        }
    }

    /// Until when reads show the state from before a change; `None` if they never do.
    pub(crate) fn older_shown_until(&self, at: Timestamp) -> Option<Timestamp> {
        let delay = self.settings.replication_delay_seconds;
        (delay > 0.0).then(|| later(at, delay))
    }

    /// Entries of identities that were created again take the ids of now.
    fn follow_identities(&mut self) {
        let World { pools, identities, .. } = &mut self.world;
        for (id, entry) in pools.values_mut().flat_map(|pool| pool.identity.user.iter_mut()) {
            if let Some(identity) = identities.get(id)
                && identity.principal_id != entry.principal_id
            {
                *entry = Entry::of(identity);
            }
        }
    }

    fn end(&mut self, id: &str, at: Timestamp) {
        let Some(operation) = self.operations.get_mut(id) else { return };
        let (key, end) = (operation.pool.clone(), operation.end.clone());
        let before = self.world.pools.get(&key).cloned();
        let in_hand = match &before {
            Some(pool) => pool.provisioning_state == operation.kind.running(),
            // Somebody else was faster, which is as good.
            None => end.leaves == Leaves::Nothing && end.failure.is_none(),
        };
        operation.status = match (in_hand, &end.failure) {
            (false, _) => Status::Canceled,
            (true, None) => Status::Succeeded,
            (true, Some(failure)) => Status::Failed(Failure::clone(failure)),
        };
        if !in_hand {
            return;
        }
        let state = match end.failure {
            None => ProvisioningState::Succeeded,
            Some(_) => ProvisioningState::Failed,
        };
        let after = match end.leaves {
            Leaves::AsItIs => before.clone(),
            Leaves::Pool(pool) => Some(*pool),
            Leaves::Nothing => None,
        };
        self.remember_pool(&key, before, at);
        match after {
            Some(pool) => {
                self.world.pools.insert(key, Pool { provisioning_state: state, ..pool });
            }
            None => {
                self.world.pools.remove(&key);
            }
        }
    }

    /// One run, and the time of the next. Runs that nobody was there to see are left out: they would change nothing.
    fn run_terraform(&mut self, pool: &Name, due: Timestamp, now: Timestamp) {
        let found =
            self.settings.terraform.iter().find(|actor| actor.run.pool.eq_ignore_ascii_case(pool.as_str()));
        let Some(Terraform { run, every_seconds }) = found else { return };
        let missed = (seconds_between(due, now) / every_seconds).floor().max(1.0);
        self.schedule.0.insert(pool.clone(), later(due, missed * every_seconds));
        // A run that fails is one that people look at later; the world goes on.
        let _ = self.world.run_terraform(run);
    }
}
