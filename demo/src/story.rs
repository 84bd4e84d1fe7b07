//! The story: eight things that happen to identities and their pools, and what the operator makes of them.

use std::time::Duration;

use azure_simulator::Hand;

use crate::scene::{FENCES, Mishap, Scene, expect};

/// Tells it. Fails at the first thing that does not happen.
pub async fn tell(scene: &Scene) -> Result<(), Mishap> {
    a_good_object(scene).await?;
    another_directory(scene).await?;
    not_connected(scene).await?;
    drift(scene).await?;
    somebody_elses(scene).await?;
    pools(scene).await?;
    fence(scene).await?;
    farewell(scene).await
}

fn chapter(number: u8, title: &str) {
    println!("\n── {number}. {title} {}", "─".repeat(90usize.saturating_sub(title.len())));
}

fn manifest(scene: &Scene, name: &str, organization: &str, more: &str) -> String {
    let (subscription, group, location) =
        (&scene.sample.subscription, &scene.sample.group, &scene.sample.location);
    format!(
        "apiVersion: mdi-operator.io/v1alpha1
kind: ManagedDevOpsIdentity
metadata:
  name: {name}
spec:
  organization: {organization}
  identity:
    subscriptionId: {subscription}
    resourceGroup: {group}
    location: {location}
{more}"
    )
}

const READY: &str = r#"{.status.conditions[?(@.type=="Ready")].message}"#;

async fn a_good_object(scene: &Scene) -> Result<(), Mishap> {
    chapter(1, "a good object: directory checked, identity created");
    scene
        .apply(
            "build-agents.yaml",
            &manifest(scene, "build-agents", "contoso", "    tags:\n      team: build\n"),
        )
        .await?;
    scene.until_reason("build-agents", "Succeeded").await?;
    scene.kubectl("get mdi -o wide").await?;
    expect(
        scene.identity_requests("PUT") == 1 && scene.identity_requests("GET") == 1,
        "one read and one write of the identity",
    )?;
    println!("\n  It cost one read and one write of the identity in Azure.");
    scene.show_tags("build-agents");
    Ok(())
}

async fn another_directory(scene: &Scene) -> Result<(), Mishap> {
    chapter(2, "an organization in another directory is refused, with the remedy");
    scene.apply("other.yaml", &manifest(scene, "other-directory", "fabrikam", "")).await?;
    scene.until_reason("other-directory", "DirectoryMismatch").await?;
    scene.kubectl("get mdi other-directory").await?;
    scene.kubectl(&format!("get mdi other-directory -o jsonpath='{READY}'")).await?;
    println!("\n  Somebody follows the remedy; the spec is not touched.");
    let tenant = scene.sample.tenant.clone();
    scene.outside_hand(&Hand::ConnectOrganization { name: "fabrikam".into(), tenant })?;
    cured(scene, "other-directory").await
}

async fn not_connected(scene: &Scene) -> Result<(), Mishap> {
    chapter(3, "an organization that is not connected to Microsoft Entra");
    scene.apply("personal.yaml", &manifest(scene, "not-connected", "personal", "")).await?;
    scene.until_reason("not-connected", "OrganizationNotConnected").await?;
    scene.kubectl(&format!("get mdi not-connected -o jsonpath='{READY}'")).await?;
    let tenant = scene.sample.tenant.clone();
    scene.outside_hand(&Hand::ConnectOrganization { name: "personal".into(), tenant })?;
    cured(scene, "not-connected").await
}

async fn cured(scene: &Scene, name: &str) -> Result<(), Mishap> {
    scene.request(name).await?;
    scene.until_reason(name, "Succeeded").await?;
    scene.kubectl(&format!("get mdi {name}")).await?;
    expect(scene.field(name, "{.metadata.generation}").await? == "1", "the spec is untouched")
}

async fn drift(scene: &Scene) -> Result<(), Mishap> {
    chapter(4, "drift is repaired: a tag changed, then the whole identity deleted");
    let id = scene.sample.identity_id("build-agents");
    scene.outside_hand(&Hand::SetTag { id: id.clone(), key: "team".into(), value: "hijacked".into() })?;
    scene.outside_hand(&Hand::SetTag { id: id.clone(), key: "cost-center".into(), value: "4711".into() })?;
    scene.request("build-agents").await?;
    scene
        .until(
            "build-agents",
            "{.metadata.annotations.mdi-operator\\.io/reconcile-requested-at}",
            &handled(scene).await?,
        )
        .await?;
    let tags = scene.show_tags("build-agents").unwrap_or_default();
    let has = |key: &str, value: &str| tags.iter().any(|(k, v)| k == key && v == value);
    expect(has("team", "build") && has("cost-center", "4711"), "our tag is back, the other's tag is kept")?;

    let before = scene.field("build-agents", "{.status.identity.principalId}").await?;
    // Right after its creation an absence proves nothing; let that time pass.
    scene.let_pass(Duration::from_mins(1)).await;
    scene.outside_hand(&Hand::DeleteIdentity { id })?;
    scene.request("build-agents").await?;
    scene.until_reason("build-agents", "Settling").await?;
    scene.kubectl("get mdi build-agents").await?;
    scene.until_reason("build-agents", "Succeeded").await?;
    scene.kubectl("get mdi build-agents -o wide").await?;
    scene.kubectl("get events --field-selector reason=IdentityRecreated -o custom-columns=TYPE:.type,REASON:.reason,NOTE:.message").await?;
    expect(before != scene.field("build-agents", "{.status.identity.principalId}").await?, "a new principal")
}

/// The token that was answered last, once the newest has been.
async fn handled(scene: &Scene) -> Result<String, Mishap> {
    let token = scene
        .field("build-agents", "{.metadata.annotations.mdi-operator\\.io/reconcile-requested-at}")
        .await?;
    scene.until("build-agents", "{.status.lastHandledReconcileAt}", &token).await?;
    Ok(token)
}

async fn somebody_elses(scene: &Scene) -> Result<(), Mishap> {
    chapter(5, "somebody else's identity is left alone");
    let (id, location) = (scene.sample.identity_id("theirs"), scene.sample.location.clone());
    let tags = [("owner".into(), "terraform".to_owned())].into();
    scene.outside_hand(&Hand::CreateIdentity { id, location, tags })?;
    scene.apply("theirs.yaml", &manifest(scene, "theirs", "contoso", "")).await?;
    scene.until_reason("theirs", "AdoptionRefused").await?;
    scene.kubectl(&format!("get mdi theirs -o jsonpath='{READY}'")).await?;
    let tags = scene.show_tags("theirs").unwrap_or_default();
    expect(tags == [("owner".to_owned(), "terraform".to_owned())], "not one tag of it was touched")
}

async fn pools(scene: &Scene) -> Result<(), Mishap> {
    chapter(6, "registered with the pools of others, without hurting anybody");
    let pools = ["pool-linux", "pool-windows"];
    for pool in pools {
        scene.show_pool(pool);
    }
    let before = pools.map(|pool| scene.pool_of_others(pool, "build-agents"));
    let with = |pools: &str| {
        manifest(
            scene,
            "build-agents",
            "contoso",
            &format!("    tags:\n      team: build\n  pools:\n{pools}"),
        )
    };
    scene.apply("build-agents.yaml", &with("  - name: pool-linux\n  - name: pool-windows\n")).await?;
    scene.until("build-agents", "{.status.poolSummary}", "2/2").await?;
    scene.kubectl("get mdi build-agents").await?;
    scene.kubectl("get mdi build-agents -o jsonpath='{range .status.pools[*]}{.name} {.state} {.origin}{\"\\n\"}{end}'").await?;

    println!(
        "\n  Somebody takes the entry out, as a Terraform does that does not know of it; it is put back."
    );
    // A replica of Azure may be two minutes behind: until then a missing entry proves nothing.
    scene.let_pass(Duration::from_mins(2)).await;
    let (id, identity) = (scene.sample.pool_id("pool-linux"), scene.sample.identity_id("build-agents"));
    scene.outside_hand(&Hand::RemovePoolEntry { id, identity })?;
    scene.request("build-agents").await?;
    scene.until("build-agents", "{.status.pools[0].removalsByOthers}", "1").await?;
    scene.until("build-agents", "{.status.poolSummary}", "2/2").await?;
    scene.kubectl("get events --field-selector reason=RegistrationRemovedByOther -o custom-columns=TYPE:.type,REASON:.reason,NOTE:.message").await?;

    println!("\n  A pool is taken out of the spec; only what this object had added leaves it.");
    scene.apply("build-agents.yaml", &with("  - name: pool-linux\n")).await?;
    scene.until("build-agents", "{.status.poolSummary}", "1/1").await?;
    scene.until("build-agents", "{.status.pools[*].name}", "pool-linux").await?;
    for pool in pools {
        scene.show_pool(pool);
    }
    let after = pools.map(|pool| scene.pool_of_others(pool, "build-agents"));
    expect(before == after, "everything of others in both pools is as it was, unknown properties included")?;
    expect(scene.is_registered("pool-linux", "build-agents"), "pool-linux bears the identity")?;
    expect(!scene.is_registered("pool-windows", "build-agents"), "pool-windows does not")
}

async fn fence(scene: &Scene) -> Result<(), Mishap> {
    chapter(7, "a team is refused at its fence, without a single request to Azure");
    println!("\n  The fences file of this operator:");
    for line in FENCES.lines() {
        println!("  | {line}");
    }
    let before = scene.requests();
    scene.apply_in("team-b", "beyond.yaml", &manifest(scene, "beyond", "contoso", "")).await?;
    scene
        .until_in(
            "team-b",
            "beyond",
            r#"{.status.conditions[?(@.type=="Stalled")].reason}"#,
            "ScopeNotAllowed",
        )
        .await?;
    scene.kubectl_in("team-b", &format!("get mdi beyond -o jsonpath='{READY}'")).await?;
    expect(scene.requests() == before, "no request was sent to Azure for it")
}

async fn farewell(scene: &Scene) -> Result<(), Mishap> {
    chapter(8, "what a deletion leaves behind: everything, released");
    scene.kubectl("delete mdi build-agents").await?;
    let tags = scene.show_tags("build-agents").unwrap_or_default();
    expect(
        tags.contains(&("mdi-operator-released".into(), "true".into())),
        "the identity stands, its mark released",
    )?;
    expect(scene.identity_requests("DELETE") == 0, "no deletion was sent to Azure")?;
    scene.kubectl("get events --field-selector reason=IdentityReleased -o custom-columns=TYPE:.type,REASON:.reason,NOTE:.message").await.map(drop)
}
