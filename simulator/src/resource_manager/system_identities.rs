//! The system-assigned identity of a resource, as the identity provider shows it. Only pools have one here.
//!
//! Must never make one up: what a pool does not have is not found.

use serde_json::json;
use uuid::Uuid;

use super::errors::{self, Refusal};
use super::path::pool_scope;
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::PoolId;

pub(super) fn get(simulation: &Simulation, id: &PoolId) -> Result<Answer, Refusal> {
    let pool = simulation.world.pool(&id.to_string());
    let found = pool.and_then(|pool| Some((pool, pool.identity.system.as_ref()?)));
    let (pool, system) = found.ok_or_else(|| {
        errors::resource_not_found("Microsoft.ManagedIdentity/identities", "default", &id.group)
    })?;
    // The pool's own block has no client id; this one stays as long as the principal does.
    let client = Uuid::new_v5(&Uuid::NAMESPACE_OID, system.principal_id.as_bytes()).to_string();
    let scope = pool_scope(id);
    let place = &pool.location;
    Ok(Answer::json(
        200,
        json!({
            "id": format!("{scope}/providers/Microsoft.ManagedIdentity/identities/default"),
            "name": "default",
            "type": "Microsoft.ManagedIdentity/identities",
            "location": place,
            "tags": pool.tags,
            "properties": {
                "tenantId": system.tenant_id,
                "principalId": system.principal_id,
                "clientId": client,
                "clientSecretUrl": format!(
                    "https://control-{place}.identity.azure.net{scope}/credentials?tid={}&oid={}&aid={client}",
                    system.tenant_id, system.principal_id
                ),
            },
        }),
    ))
}
