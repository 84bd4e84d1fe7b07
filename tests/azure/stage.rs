//! An Azure with the sample's world, and the ports to it.

use std::time::{Duration, Instant};

use azure_simulator::{Config, LoggedRequest, Sample, Service, Settings, Simulator};
use mdi_operator::{
    azure::{
        Application, Azure, AzureSettings, Basis, CredentialKey, CredentialSettings, Secret, WriteFailure,
    },
    domain::{
        failure::Failure,
        names::{ClientId, IdentityId, SubscriptionId, TenantId},
        observed::Fact,
    },
    runtime::{
        clock::Clock,
        leadership::{Authority, Leadership},
        metrics::Metrics,
        moment::Moment,
        proxies::Proxies,
    },
};

pub(crate) const OPERATOR: CredentialKey = CredentialKey::Operator;

/// An Azure with the sample's world, and an adapter that is signed in to it.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) sample: Sample,
    pub(crate) azure: Azure,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) leadership: Leadership,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, |credential| credential).await
    }

    pub(crate) async fn with(
        change: impl FnOnce(&mut Settings),
        credential: impl FnOnce(CredentialSettings) -> CredentialSettings,
    ) -> Self {
        Self::at_pace(20.0, change, credential).await
    }

    pub(crate) async fn at_pace(
        time_scale: f64,
        change: impl FnOnce(&mut Settings),
        credential: impl FnOnce(CredentialSettings) -> CredentialSettings,
    ) -> Self {
        let sample = Sample::default();
        let mut config = Config { time_scale, ..Config::with_world(sample.world()) };
        change(&mut config.settings);
        let simulator = Simulator::start(config).await.unwrap();
        let (clock, metrics) = (Clock::scaled(time_scale), Metrics::new().unwrap());
        let secret = credential(CredentialSettings::ClientSecret {
            application: Application {
                authority: simulator.authority().parse().unwrap(),
                tenant: TenantId::parse(&sample.tenant).unwrap(),
                client: ClientId::parse(&sample.client_id).unwrap(),
            },
            secret: Secret::new(sample.client_secret.clone()),
        });
        let settings = settings(&simulator, secret);
        let azure = Azure::connect(settings, clock, metrics.clone()).unwrap();
        Self { simulator, sample, azure, clock, metrics, leadership: Leadership::of_the_only_replica() }
    }

    /// The same, signed in as an identity of the machine.
    pub(crate) async fn on_a_machine() -> Self {
        let Self { simulator, sample, clock, metrics, leadership, .. } = Self::new().await;
        let machine = CredentialSettings::ManagedIdentity {
            client: None,
            metadata_service: simulator.metadata().parse().unwrap(),
        };
        let settings = settings(&simulator, machine);
        let azure = Azure::connect(settings, clock, metrics.clone()).unwrap();
        Self { simulator, sample, azure, clock, metrics, leadership }
    }

    pub(crate) fn subscription_id(&self) -> SubscriptionId {
        SubscriptionId::parse(&self.sample.subscription).unwrap()
    }

    pub(crate) fn id(&self, name: &str) -> IdentityId {
        IdentityId::new(self.subscription_id(), &self.sample.group, name).unwrap()
    }

    /// Leave to write, for an object that was read just now.
    pub(crate) fn authority(&self) -> Authority<'_> {
        let permit = self.leadership.permit().unwrap();
        permit.to_azure(Moment::now(), Instant::now() + Duration::from_mins(1))
    }

    pub(crate) fn sent(&self, service: Service) -> Vec<LoggedRequest> {
        self.simulator.log().into_iter().filter(|request| request.service == service).collect()
    }
}

#[track_caller]
pub(crate) fn unknown<T: std::fmt::Debug>(fact: Fact<T>) -> Failure {
    match fact {
        Fact::Unknown(failure) => failure,
        Fact::Known(_) | Fact::Absent => panic!("not unknown: {fact:?}"),
    }
}

#[track_caller]
pub(crate) fn known<T: std::fmt::Debug>(fact: Fact<T>) -> T {
    match fact {
        Fact::Known(value) => value,
        Fact::Absent | Fact::Unknown(_) => panic!("not known: {fact:?}"),
    }
}

/// The failure of a write that left.
#[track_caller]
pub(crate) fn of_azure<T>(outcome: Result<T, WriteFailure>) -> Result<T, Failure> {
    outcome.map_err(|failure| match failure {
        WriteFailure::Azure(failure) => failure,
        WriteFailure::NotSent(why) => panic!("not sent: {why}"),
    })
}

/// What a read under a slot came to, where a write goes on from there.
pub(crate) fn basis<T, K>(read: (Fact<T>, Option<Basis<K>>)) -> Result<Basis<K>, Failure> {
    match read {
        (_, Some(basis)) => Ok(basis),
        (Fact::Unknown(failure), None) => Err(failure),
        (Fact::Known(_) | Fact::Absent, None) => panic!("no basis for a write"),
    }
}

/// All of Azure at the simulator, signed in to with this credential.
fn settings(simulator: &Simulator, credential: CredentialSettings) -> AzureSettings {
    AzureSettings {
        resource_manager: simulator.resource_manager().parse().unwrap(),
        further_hosts: vec![],
        audience: "https://management.azure.com".into(),
        devops: simulator.devops().parse().unwrap(),
        extra_ca: Some(simulator.ca_pem().into()),
        proxies: Proxies::default(),
        credential,
    }
}
