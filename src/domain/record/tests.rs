use super::*;
use crate::{
    api::v1alpha1::IdentityStatus,
    domain::testing::{holding, principal},
};

fn status(principal_id: Option<String>, origin: Option<Origin>) -> ManagedDevOpsIdentityStatus {
    ManagedDevOpsIdentityStatus {
        identity: Some(IdentityStatus { principal_id, origin, ..IdentityStatus::default() }),
        ..ManagedDevOpsIdentityStatus::default()
    }
}

#[test]
fn a_principal_beside_an_origin_is_held() {
    for origin in [Origin::Created, Origin::Adopted] {
        let record = Record::of(&status(Some(principal(1).to_string()), Some(origin)));
        assert_eq!(record, holding(1, origin));
        assert!(record.holds(&principal(1)) && !record.holds(&principal(2)));
    }
}

#[test]
fn ids_that_are_only_shown_are_no_record() {
    for status in [
        ManagedDevOpsIdentityStatus::default(),
        status(Some(principal(1).to_string()), None),
        status(None, Some(Origin::Created)),
        status(Some("not a guid".into()), Some(Origin::Created)),
    ] {
        assert_eq!(Record::of(&status), Record::default());
    }
}
