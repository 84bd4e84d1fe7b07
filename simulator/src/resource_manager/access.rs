//! Who calls, and whether they may: token, tenant, right to read, single refusals.
//!
//! Must never look at a body or change anything.

use axum::http::Method;
use jiff::Timestamp;

use super::errors::{self, Refusal};
use super::path::Target;
use crate::entra::RESOURCE_MANAGER_AUDIENCES;
use crate::readings::{AnonymousUnknownSubscription, UnreadableSubscription};
use crate::service::Request;
use crate::simulation::Simulation;
use crate::world::Subscription;

/// The application behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) client_id: String,
    pub(super) object_id: String,
    pub(super) tenant: String,
}

/// What a request does, as limits and locks count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Read,
    Write,
    Delete,
}

impl Deed {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            Method::DELETE => Self::Delete,
            _ => Self::Write,
        }
    }

    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// The caller by the request's token.
pub(super) fn caller(simulation: &Simulation, request: &Request, target: &Target) -> Result<Caller, Refusal> {
    let named = target.subscription();
    let tenant = named.and_then(|id| simulation.world.subscription(id)).map(|found| found.tenant_id.as_str());
    let Some(header) = request.header("authorization") else {
        let reading = simulation.settings.readings.anonymous_unknown_subscription;
        return Err(match (named, tenant, reading) {
            (Some(id), None, AnonymousUnknownSubscription::NotFound) => errors::subscription_not_found(id),
            _ => errors::missing_token(tenant),
        });
    };
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let claims = token
        .and_then(|(_, token)| simulation.signer.read(token.trim()))
        .ok_or_else(|| errors::invalid_token(tenant))?;
    if !RESOURCE_MANAGER_AUDIENCES.contains(&claims.aud.trim_end_matches('/')) {
        return Err(errors::invalid_audience(tenant, &claims.aud));
    }
    let now = simulation.clock.now();
    if claims.exp <= now.as_second() {
        let expiry = Timestamp::from_second(claims.exp).unwrap_or(now);
        return Err(errors::expired_token(tenant, &shown(now), &shown(expiry)));
    }
    Ok(Caller { client_id: claims.appid, object_id: claims.oid, tenant: claims.tid })
}

fn shown(time: Timestamp) -> String {
    time.strftime("%-m/%-d/%Y %H:%M:%S").to_string()
}

/// The subscription, if the caller may know of it.
pub(super) fn subscription<'a>(
    simulation: &'a Simulation,
    caller: &Caller,
    id: &str,
) -> Result<&'a Subscription, Refusal> {
    if uuid::Uuid::try_parse(id).is_err() {
        return Err(errors::invalid_subscription_id(id));
    }
    let subscription = simulation.world.subscription(id).ok_or_else(|| errors::subscription_not_found(id))?;
    if !subscription.tenant_id.eq_ignore_ascii_case(&caller.tenant) {
        return Err(errors::wrong_tenant(&caller.tenant, &subscription.tenant_id));
    }
    if !subscription.is_readable_by(&caller.client_id) {
        return Err(match simulation.settings.readings.unreadable_subscription {
            UnreadableSubscription::NotFound => errors::subscription_not_found(id),
            UnreadableSubscription::Forbidden => errors::forbidden(
                &caller.client_id,
                &caller.object_id,
                "Microsoft.Resources/subscriptions/read",
                &format!("/subscriptions/{id}"),
            ),
        });
    }
    Ok(subscription)
}

/// Refuses an action that the caller was denied.
pub(super) fn permitted(
    subscription: &Subscription,
    caller: &Caller,
    target: &Target,
    deed: Deed,
) -> Result<(), Refusal> {
    let (scope, kind) = target.scope_and_type();
    let action = match target {
        Target::Registration { namespace, .. } => format!("{namespace}/register/action"),
        Target::PoolNames { .. } => format!("{kind}/action"),
        _ => format!("{kind}/{}", deed.verb()),
    };
    if subscription.denies(&caller.client_id, &action, &scope) {
        return Err(errors::forbidden(&caller.client_id, &caller.object_id, &action, &scope));
    }
    Ok(())
}
