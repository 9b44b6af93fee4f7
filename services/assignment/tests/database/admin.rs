//! `AssignmentAdminService` and `RepService` as a client calls them: keys and scopes, what is refused by field, and what
//! reads back.

use std::sync::Arc;

use leadflow_assignment::grpc::admin::Admin;
use leadflow_assignment::grpc::rep::Reps;
use leadflow_platform::access::{self, Access, Grant, NewKey, Scope};
use leadflow_proto::assignment::v1::assignment_admin_service_server::AssignmentAdminService as _;
use leadflow_proto::assignment::v1::rep_service_server::RepService as _;
use leadflow_proto::assignment::v1::*;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::*;

/// A key with these scopes, for these reps.
fn grant(scopes: &[Scope], reps: &[&str]) -> Arc<Grant> {
    let folder = std::env::temp_dir().join(format!("leadflow-keys-{}-{}", std::process::id(), rand::random::<u64>()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keys.yaml");
    let new = NewKey {
        name: "test".to_owned(),
        scopes: scopes.to_vec(),
        reps: reps.iter().map(|rep| (*rep).to_owned()).collect(),
        ..NewKey::default()
    };
    let (key, _) = access::create(&file, new, at(NOW)).unwrap();
    let grant = Access::load(&file).unwrap().authenticate(key.as_str(), at(NOW)).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    grant
}

fn call<T>(grant: &Arc<Grant>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arc::clone(grant));
    request
}

fn fields(status: &tonic::Status) -> Vec<String> {
    let details = status.get_error_details();
    details.bad_request().unwrap().field_violations.iter().map(|violation| violation.field.clone()).collect()
}

fn ana() -> Rep {
    Rep {
        rep_id: "ana".to_owned(),
        name: "Ana Fictional".to_owned(),
        email: "ana@sales.example".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        schedule: vec![WorkingHours { weekday: 2, start_minute: 540, end_minute: 1020 }],
        holidays: vec!["2026-12-25".to_owned()],
        max_open: 5,
        max_day: 9,
        external_ids: vec![ExternalId {
            system: "hubspot".to_owned(),
            r#type: "owner".to_owned(),
            id: "17".to_owned(),
        }],
        ..Rep::default()
    }
}

fn pool(members: &[(&str, i32)]) -> Pool {
    Pool {
        pool_id: "default".to_owned(),
        name: "Everybody".to_owned(),
        is_default: true,
        offer_timeout: Some(pbjson_types::Duration { seconds: 600, nanos: 0 }),
        members: members
            .iter()
            .map(|(rep_id, weight)| PoolMember {
                rep_id: (*rep_id).to_owned(),
                weight: *weight,
                ..PoolMember::default()
            })
            .collect(),
        ..Pool::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rep_reads_back_and_goes_to_work() {
    let world = World::new().await;
    let (admin, key) = (Admin::new(world.desk.clone()), grant(&[Scope::Admin], &[]));
    let put = admin.put_rep(call(&key, PutRepRequest { rep: Some(ana()) })).await.unwrap().into_inner().rep.unwrap();
    assert_eq!(put, Rep { active: true, ..ana() });
    let back = SetPresenceRequest { rep_id: "ana".to_owned(), present: true };
    let rep = admin.set_presence(call(&key, back)).await.unwrap().into_inner().rep.unwrap();
    let until = rep.present_until.unwrap();
    assert_eq!(until.seconds, at("2026-11-24T16:00:00Z").as_second(), "17:00 in Berlin");
    let pool = admin.put_pool(call(&key, PutPoolRequest { pool: Some(pool(&[("ana", 3)])) })).await.unwrap();
    let shown = pool.into_inner().pool.unwrap();
    assert_eq!((shown.version, shown.round_pause.unwrap().seconds, shown.members[0].weight), (1, 60, 3));
    world.deliver(vec![opened(1), hand_raised(1)]).await;
    let offer = world.told().await.pop().unwrap().assignment.unwrap();
    assert_eq!((offer.rep_name.as_str(), offer.rep_external_ids[0].id.as_str()), ("Ana Fictional", "17"));
    let reps = admin.list_reps(call(&key, ListRepsRequest {})).await.unwrap().into_inner().reps;
    assert_eq!(reps, [Rep { present_until: Some(until), open_count: 1, day_count: 1, active: true, ..ana() }]);
    let away = SetPresenceRequest { rep_id: "ana".to_owned(), present: false };
    let rep = admin.set_presence(call(&key, away)).await.unwrap().into_inner().rep.unwrap();
    assert_eq!(rep.present_until, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_rep_is_named_at_once() {
    let world = World::new().await;
    let (admin, key) = (Admin::new(world.desk.clone()), grant(&[Scope::Admin], &[]));
    let wrong = Rep {
        rep_id: "Ana!".to_owned(),
        name: String::new(),
        email: "nobody".to_owned(),
        time_zone: "Berlin".to_owned(),
        schedule: vec![WorkingHours { weekday: 1, start_minute: 600, end_minute: 600 }],
        holidays: vec!["2026-02-30".to_owned()],
        max_open: -1,
        max_day: -1,
        external_ids: vec![ExternalId::default()],
        ..Rep::default()
    };
    let status = admin.put_rep(call(&key, PutRepRequest { rep: Some(wrong) })).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let expected = [
        "rep.rep_id",
        "rep.name",
        "rep.email",
        "rep.time_zone",
        "rep.max_open",
        "rep.max_day",
        "rep.external_ids[0].system",
        "rep.external_ids[0].type",
        "rep.external_ids[0].id",
        "rep.holidays[0]",
        "rep.schedule[0]",
    ];
    assert_eq!(fields(&status), expected);
    assert!(!status.message().contains("nobody"), "values are not repeated");
    let status = admin.put_rep(call(&key, PutRepRequest { rep: None })).await.unwrap_err();
    assert_eq!(fields(&status), ["rep"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_are_checked_and_routes_are_taken_once() {
    let world = World::new().await;
    world.reps(&["ana", "ben"]).await;
    let (admin, key) = (Admin::new(world.desk.clone()), grant(&[Scope::Admin], &[]));
    let put = |pool: Pool| admin.put_pool(call(&key, PutPoolRequest { pool: Some(pool) }));
    let mut wrong = pool(&[("ana", 0), ("ana", 5), ("gone", 1)]);
    wrong.offer_timeout = Some(pbjson_types::Duration { seconds: 0, nanos: 5 });
    wrong.round_pause = Some(pbjson_types::Duration { seconds: -1, nanos: 0 });
    let status = put(wrong).await.unwrap_err();
    assert_eq!(fields(&status), ["pool.round_pause", "pool.members[0].weight", "pool.members[1].rep_id"]);
    assert_eq!(fields(&put(pool(&[("ana", 1), ("gone", 1)])).await.unwrap_err()), ["pool.members[1].rep_id"]);
    put(pool(&[("ana", 1), ("ben", 1)])).await.unwrap();
    let other = Pool { pool_id: "other".to_owned(), ..pool(&[("ana", 1)]) };
    let status = put(other.clone()).await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::AlreadyExists, vec!["pool.is_default".to_owned()]));
    put(Pool { is_default: false, product_line: "crm".to_owned(), ..other.clone() }).await.unwrap();
    let third = Pool { pool_id: "third".to_owned(), is_default: false, product_line: "crm".to_owned(), ..other };
    assert_eq!(fields(&put(third).await.unwrap_err()), ["pool.product_line"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_pools_that_want_to_be_the_default_at_once_one_is_and_the_others_are_told() {
    let world = World::new().await;
    world.reps(&["ana"]).await;
    let (admin, key) = (Admin::new(world.desk.clone()), grant(&[Scope::Admin], &[]));
    let puts = (0..8).map(|n| {
        let pool = Pool { pool_id: format!("pool-{n}"), ..pool(&[("ana", 1)]) };
        admin.put_pool(call(&key, PutPoolRequest { pool: Some(pool) }))
    });
    let results = futures::future::join_all(puts).await;
    let refused: Vec<Code> = results.iter().filter_map(|result| Some(result.as_ref().err()?.code())).collect();
    assert_eq!(refused, [Code::AlreadyExists; 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_weight_begins_a_stretch_and_a_leaver_leaves_nothing_behind() {
    let world = World::new().await;
    world.reps(&["ana", "ben", "cem"]).await;
    let (admin, key) = (Admin::new(world.desk.clone()), grant(&[Scope::Admin], &[]));
    let put = |pool: Pool| admin.put_pool(call(&key, PutPoolRequest { pool: Some(pool) }));
    put(pool(&[("ana", 1), ("ben", 1), ("cem", 1)])).await.unwrap();
    world.deliver((1..=4).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    let shown = put(pool(&[("ana", 1), ("ben", 5)])).await.unwrap().into_inner().pool.unwrap();
    let owed: Vec<i64> = shown.members.iter().map(|member| member.entitled_micro - member.received_micro).collect();
    assert_eq!((owed.iter().sum::<i64>(), shown.version), (0, 2), "{owed:?}");
    let causes: Vec<String> = sqlx::query_scalar("select cause from stretch order by stretch_no")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    assert_eq!(causes, ["members", "eligibility", "members"]);
    let listed = admin.list_pools(call(&key, ListPoolsRequest {})).await.unwrap().into_inner().pools;
    assert_eq!(listed, [shown]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_what_their_scopes_say() {
    let world = World::new().await;
    world.reps(&["ana", "ben"]).await;
    let (admin, reps) = (Admin::new(world.desk.clone()), Reps::new(world.desk.clone()));
    let of_ana = grant(&[Scope::ActForRep], &["ana"]);
    let presence = |rep_id: &str| SetPresenceRequest { rep_id: rep_id.to_owned(), present: true };
    admin.set_presence(call(&of_ana, presence("ana"))).await.unwrap();
    let code = |status: tonic::Status| status.code();
    assert_eq!(
        admin.set_presence(call(&of_ana, presence("ben"))).await.map_err(code).unwrap_err(),
        Code::PermissionDenied
    );
    assert_eq!(
        admin.list_reps(call(&of_ana, ListRepsRequest {})).await.map_err(code).unwrap_err(),
        Code::PermissionDenied
    );
    assert_eq!(
        admin.list_reps(Request::new(ListRepsRequest {})).await.map_err(code).unwrap_err(),
        Code::Unauthenticated
    );
    world.pool(&[("ana", 1), ("ben", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1), opened(2), qualified(2)]).await;
    let told = world.told().await;
    let offer_of = |rep: &str| told.iter().find(|event| rep_of(event) == rep).unwrap().lead_id.clone();
    let accept = |lead_id: String, rep_id: &str, request_id: &str| AcceptLeadRequest {
        lead_id,
        guard: Some(Guard { request_id: request_id.to_owned(), rep_id: rep_id.to_owned(), if_sequence: 1 }),
    };
    let as_ben = reps.accept_lead(call(&of_ana, accept(offer_of("ben"), "ben", "a"))).await;
    assert_eq!(as_ben.map_err(code).unwrap_err(), Code::PermissionDenied);
    let bens = reps.accept_lead(call(&of_ana, accept(offer_of("ben"), "ana", "b"))).await;
    assert_eq!(bens.map_err(code).unwrap_err(), Code::NotFound, "not hers, so not there");
    let event =
        reps.accept_lead(call(&of_ana, accept(offer_of("ana"), "ana", "c"))).await.unwrap().into_inner().event.unwrap();
    assert_eq!(fact(&event), "accepted");
    let again = reps.accept_lead(call(&of_ana, accept(offer_of("ana"), "ana", "c"))).await.unwrap().into_inner().event;
    assert_eq!(again, Some(event));
    let nothing = reps.accept_lead(call(&of_ana, AcceptLeadRequest::default())).await.unwrap_err();
    assert_eq!(fields(&nothing), ["guard"]);
    let no_key = reps.accept_lead(call(&of_ana, accept(offer_of("ana"), "ana", ""))).await.unwrap_err();
    assert_eq!(fields(&no_key), ["guard.request_id"]);
    let no_lead = reps.accept_lead(call(&of_ana, accept("x".to_owned(), "ana", "d"))).await.unwrap_err();
    assert_eq!(fields(&no_lead), ["lead_id"]);
    let guard = || Some(Guard { request_id: "e".to_owned(), rep_id: "ana".to_owned(), if_sequence: 0 });
    let outcome = Outcome { stage: "lost".to_owned(), value_minor_units: 5, ..Outcome::default() };
    let outcome = RecordOutcomeRequest { lead_id: offer_of("ana"), guard: guard(), outcome: Some(outcome) };
    let status = reps.record_outcome(call(&of_ana, outcome)).await.unwrap_err();
    assert_eq!(fields(&status), ["outcome.reason", "outcome.currency_code"]);
    let touch = RecordTouchRequest {
        lead_id: offer_of("ana"),
        guard: guard(),
        channel: "On the phone".to_owned(),
        touched_at: None,
    };
    assert_eq!(fields(&reps.record_touch(call(&of_ana, touch)).await.unwrap_err()), ["channel"]);
}
