//! Lists of resources: what lies in the scope, what the caller may read, page by page.
//!
//! Must never know which kind of resource it lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Call;
use super::access::Caller;
use super::errors::{self, Refusal};
use super::path::Target;
use crate::readings::{LastPage, UnreadableInList};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Name, Names};

/// Where a resource lies, and its scope as refusals spell it.
pub(super) struct Place {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) scope: String,
}

/// Serves one page of a list.
pub(super) fn serve<T>(
    simulation: &Simulation,
    call: &Call<'_>,
    target: &Target,
    seen: Names<T>,
    place: fn(&Name) -> Option<Place>,
    shown: impl Fn(&Name, &T) -> Value,
) -> Result<Answer, Refusal> {
    let listed = readable(simulation, call.caller, target, in_scope(seen, target, place))?;
    page(simulation, call, listed, simulation.settings.page_size, shown)
}

/// One page of what is listed, in the order of its names.
pub(super) fn page<T>(
    simulation: &Simulation,
    call: &Call<'_>,
    listed: Vec<(Name, T)>,
    size: usize,
    shown: impl Fn(&Name, &T) -> Value,
) -> Result<Answer, Refusal> {
    let after = match call.request.query("$skiptoken") {
        Some(token) => Some(mark(&token)?),
        None => None,
    };
    let rest: Vec<(Name, T)> =
        listed.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|mark| key > mark)).collect();
    let size = size.max(1);
    let page = &rest[..rest.len().min(size)];
    let value: Vec<Value> = page.iter().map(|(key, resource)| shown(key, resource)).collect();
    let mut body = json!({"value": value});
    if let (Some((last, _)), true) = (page.last(), rest.len() > size) {
        let base = &simulation.addresses.resource_manager;
        let token = URL_SAFE_NO_PAD.encode(last.as_str());
        let path = call.request.uri.path();
        // A limit that was asked for holds for the next page too.
        let top = call.request.query("$top").map(|top| format!("&$top={top}")).unwrap_or_default();
        body["nextLink"] =
            json!(format!("{base}{path}?api-version={}{top}&$skiptoken={token}", call.api_version));
    } else {
        match simulation.settings.readings.last_page {
            LastPage::Absent => {}
            LastPage::Null => body["nextLink"] = Value::Null,
            LastPage::Empty => body["nextLink"] = json!(""),
        }
    }
    Ok(Answer::json(200, body))
}

/// A page begins after the last resource of the one before, so changes in between neither repeat nor skip another.
fn mark(token: &str) -> Result<Name, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.map(Name::from).ok_or_else(|| errors::invalid("InvalidSkipToken", "The skip token is invalid."))
}

fn in_scope<T>(seen: Names<T>, target: &Target, place: fn(&Name) -> Option<Place>) -> Vec<(Name, Place, T)> {
    let within = |place: &Place| {
        let of_subscription = target
            .subscription()
            .is_some_and(|subscription| place.subscription.eq_ignore_ascii_case(subscription));
        let of_group = target.group_needed().is_none_or(|group| place.group.eq_ignore_ascii_case(group));
        of_subscription && of_group
    };
    seen.into_iter()
        .filter_map(|(key, resource)| Some((place(&key).filter(within)?, key, resource)))
        .map(|(place, key, resource)| (key, place, resource))
        .collect()
}

fn readable<T>(
    simulation: &Simulation,
    caller: &Caller,
    target: &Target,
    listed: Vec<(Name, Place, T)>,
) -> Result<Vec<(Name, T)>, Refusal> {
    let (_, kind) = target.scope_and_type();
    let action = format!("{kind}/read");
    let mut kept = Vec::with_capacity(listed.len());
    for (key, Place { subscription, scope, .. }, resource) in listed {
        let subscription = simulation.world.subscription(&subscription);
        if subscription.is_some_and(|found| found.denies(&caller.client_id, &action, &scope)) {
            match simulation.settings.readings.unreadable_in_list {
                UnreadableInList::Refused => {
                    return Err(errors::forbidden(&caller.client_id, &caller.object_id, &action, &scope));
                }
                UnreadableInList::Cut => continue,
            }
        }
        kept.push((key, resource));
    }
    Ok(kept)
}
