//! Organization and subscription in one Microsoft Entra directory, or why not, and what to do.

use azure_simulator::{
    Fault,
    world::{Organization, SubscriptionState},
};
use mdi_operator::api::conditions::types;
use serde_json::json;

use crate::stage::{Stage, condition, message};

#[tokio::test]
async fn a_good_object_becomes_ready_for_one_read_and_one_write_of_its_identity() {
    let stage = Stage::set().await;
    let object = stage.ready("agents").await;

    let status = object.status.unwrap();
    let identity = status.identity.unwrap();
    assert_eq!(identity.resource_id.as_deref(), Some(stage.id("agents").as_str()));
    assert_eq!(identity.tenant_id.as_deref(), Some(stage.sample.tenant.as_str()));
    assert_eq!(identity.origin, Some(mdi_operator::api::v1alpha1::Origin::Created));
    assert!(identity.client_id.is_some() && identity.principal_id.is_some());
    assert_eq!(status.organization.unwrap().tenant_id.as_deref(), Some(stage.sample.tenant.as_str()));
    assert_eq!(status.subscription.unwrap().tenant_id.as_deref(), Some(stage.sample.tenant.as_str()));
    assert_eq!(stage.tag("agents", "mdi-operator-object"), Some(format!("{}/agents", stage.namespace)));
    assert_eq!(stage.tag("agents", "mdi-operator-origin").as_deref(), Some("Created"));

    assert_eq!(
        (stage.identity_requests("GET"), stage.identity_requests("PUT"), stage.requests().len()),
        (1, 1, 4)
    );
    stage.until_event("agents", "Normal", "IdentityCreated").await;
}

#[tokio::test]
async fn look_ups_are_shared_so_another_fresh_object_costs_one_read_and_one_write() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.clear_log();
    stage.ready("runners").await;
    assert_eq!(
        (stage.identity_requests("GET"), stage.identity_requests("PUT"), stage.requests().len()),
        (1, 1, 2)
    );
}

#[tokio::test]
async fn an_organization_in_another_directory_is_refused_with_the_remedy_and_ready_once_it_is_cured() {
    let stage = Stage::set().await;
    let spec = stage.spec(|spec| spec["organization"] = json!("fabrikam"));
    let generation = stage.apply("agents", spec).await.metadata.generation;
    let object = stage.until_stalled("agents", "DirectoryMismatch").await;
    let told = message(&object, types::STALLED);
    for part in [
        stage.sample.other_tenant.as_str(),
        &stage.sample.tenant,
        "https://dev.azure.com/fabrikam/_settings/organizationAad",
        "switch",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("False", "DirectoryMismatch")));
    assert_eq!(condition(&object, types::READY), Some(("False", "DirectoryMismatch")));
    assert_eq!(stage.writes(), [""; 0]);
    assert!(stage.identity_requests("GET") <= 1, "{:?}", stage.requests().len());

    let tenant = stage.sample.tenant.clone();
    stage.azure.state().with(|world| world.connect_organization("fabrikam", &tenant)).unwrap();
    stage.request("agents").await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(object.metadata.generation, generation);
    assert_eq!(condition(&object, types::STALLED), None);
}

#[tokio::test]
async fn an_organization_that_is_not_connected_is_told_where_to_connect_it() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["organization"] = json!("personal"))).await;
    let object = stage.until_stalled("agents", "OrganizationNotConnected").await;
    let told = message(&object, types::READY);
    assert!(
        told.contains("connect it")
            && told.contains("https://dev.azure.com/personal/_settings/organizationAad"),
        "{told}"
    );
    assert_eq!(stage.writes(), [""; 0]);

    let tenant = stage.sample.tenant.clone();
    stage.azure.state().with(|world| world.connect_organization("personal", &tenant)).unwrap();
    stage.request("agents").await;
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn a_pinned_directory_is_held_against_both_even_if_they_moved_together() {
    let stage = Stage::set().await;
    let other = stage.sample.other_tenant.clone();
    stage.apply("agents", stage.spec(|spec| spec["expectedTenantId"] = json!(other))).await;
    let object = stage.until_stalled("agents", "DirectoryMismatch").await;
    assert!(
        message(&object, types::READY).contains("expectedTenantId"),
        "{}",
        message(&object, types::READY)
    );
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn an_organization_that_does_not_exist_is_unknown_and_stalls_only_after_the_grace() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["organization"] = json!("nowhere"))).await;
    let object = stage.until_reason("agents", "OrganizationNotFound").await;
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("Unknown", "OrganizationNotFound")));
    assert_eq!(condition(&object, types::RECONCILING), Some(("True", "ProgressingWithRetry")));
    let object = stage.until_stalled("agents", "OrganizationNotFound").await;
    assert_eq!(condition(&object, types::RECONCILING), None);
    assert_eq!(stage.writes(), [""; 0]);
    let tenant = stage.sample.tenant.clone();
    stage
        .azure
        .state()
        .with(|world| world.organizations.insert("nowhere".into(), Organization::connected(&tenant)));
    stage.request("agents").await;
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn a_subscription_that_may_not_be_seen_names_both_possible_causes() {
    let stage = Stage::set().await;
    let unknown = "99999999-9999-4999-8999-999999999999";
    stage.apply("agents", stage.spec(|spec| spec["identity"]["subscriptionId"] = json!(unknown))).await;
    let object = stage.until_reason("agents", "SubscriptionNotFound").await;
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED).unwrap().0, "Unknown");
    let told = message(&object, types::READY);
    assert!(told.contains("role") && told.contains("identity.subscriptionId"), "{told}");
    let error = object.status.unwrap().last_error.unwrap();
    assert_eq!(error.code, "SubscriptionNotFound");
    assert!(error.correlation_id.is_some() && error.target.contains(unknown));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn an_operator_signed_in_to_another_directory_is_told_which_one_to_sign_in_to() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let (subscription, other) = (stage.sample.subscription.clone(), stage.sample.other_tenant.clone());
    stage.azure.state().with(|world| world.move_subscription(&subscription, &other)).unwrap();
    stage.azure.clear_log();
    let object = stage.request("agents").await;
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("Unknown", "SignedInElsewhere")));
    let told = message(&object, types::DIRECTORY_MATCHED);
    assert!(told.contains(&other) && told.contains("AZURE_TENANT_ID"), "{told}");
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_subscription_that_moved_is_told_and_its_identity_is_neither_deleted_nor_touched() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.stop_operator().await;
    let (subscription, other) = (stage.sample.subscription.clone(), stage.sample.other_tenant.clone());
    let (home, client) = (stage.sample.tenant.clone(), stage.sample.client_id.clone());
    stage
        .azure
        .state()
        .with(|world| {
            let application = world.application(&home, &client).unwrap().clone();
            world
                .tenants
                .get_mut(&other.as_str().into())
                .unwrap()
                .applications
                .insert(client.as_str().into(), application);
            world.move_subscription(&subscription, &other)?;
            world.connect_organization("contoso", &other)
        })
        .unwrap();
    stage.azure.clear_log();
    stage.start_operator(&[("AZURE_TENANT_ID", &other)]).await;
    let object = stage.until_stalled("agents", "SubscriptionMoved").await;
    let told = message(&object, types::READY);
    assert!(
        told.contains("delete the identity in Azure") && told.contains(&home) && told.contains(&other),
        "{told}"
    );
    assert_eq!(stage.writes(), [""; 0]);

    // A person follows the remedy; the identity is created in the new directory.
    stage.let_pass(std::time::Duration::from_secs(70)).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.request("agents").await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(object.status.unwrap().identity.unwrap().tenant_id, Some(other));
}

#[tokio::test]
async fn a_disabled_subscription_is_told_as_such_and_its_directory_still_matches() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let subscription = stage.sample.subscription.clone();
    stage
        .azure
        .state()
        .with(|world| world.set_subscription_state(&subscription, SubscriptionState::Disabled))
        .unwrap();
    stage.request("agents").await;
    let object = stage.until_stalled("agents", "SubscriptionDisabled").await;
    assert_eq!(condition(&object, types::IDENTITY_READY), Some(("False", "SubscriptionDisabled")));
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("True", "SameDirectory")));
    stage
        .azure
        .state()
        .with(|world| world.set_subscription_state(&subscription, SubscriptionState::Warned))
        .unwrap();
    stage.request("agents").await;
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn an_organization_that_cannot_be_asked_is_never_called_misaligned() {
    let stage = Stage::set().await;
    stage.azure.script(Fault::answer("*", "/contoso*", 503, "").forever());
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage
        .until("agents", "CheckFailed or worse", |object| {
            condition(object, types::DIRECTORY_MATCHED)
                .is_some_and(|(status, reason)| status == "Unknown" && reason != "Progressing")
        })
        .await;
    assert_eq!(condition(&object, types::RECONCILING).unwrap().0, "True");
    assert_eq!(condition(&object, types::STALLED), None);
    assert_eq!(stage.writes(), [""; 0]);
    stage.azure.state().clear_faults();
    stage.until_reason("agents", "Succeeded").await;
}
