//! A role whose every text tries to take the terminal over, as a visitor may with a name.

use leadflow_proto::assignment::v1 as assignment;
use leadflow_proto::nurture::v1 as nurture;
use leadflow_proto::qualification::v1 as qualification;

use super::fake_role::FakeRole;

/// Title, clear screen, C1 control sequence, line ends, overridden and isolated direction.
pub(super) const EVIL: &str = "\u{1b}]0;OWNED\u{7}\u{1b}[2J\u{9b}2J\r\nBob\u{202e}\u{2066}\u{2028}\u{7f}\u{85}Smith";

fn evil() -> String {
    EVIL.to_owned()
}

fn lead_reason() -> qualification::LeadReason {
    qualification::LeadReason { code: evil(), text: evil(), event_count: 1, ..Default::default() }
}

fn reason() -> assignment::Reason {
    assignment::Reason { code: evil(), text: evil(), ..Default::default() }
}

/// A role whose every text is [`EVIL`].
pub(super) fn hostile() -> FakeRole {
    let step = nurture::NurtureDecision {
        kind: EVIL.to_owned(),
        step: EVIL.to_owned(),
        reasons: vec![EVIL.to_owned()],
        ..Default::default()
    };
    of_assignment(of_qualification(FakeRole::default()))
        .says("NurtureService/ExplainLead", &nurture::ExplainLeadResponse { decisions: vec![step.clone()] })
        .says(
            "NurtureService/ListDecisions",
            &nurture::ListDecisionsResponse { decisions: vec![step], ..Default::default() },
        )
        .says(
            "NurtureService/GetPreferences",
            &nurture::GetPreferencesResponse {
                preferences: vec![nurture::Preference { purpose: evil(), source: evil(), ..Default::default() }],
                suppressed: evil(),
                ..Default::default()
            },
        )
        .says(
            "NurtureService/ListMessages",
            &nurture::ListMessagesResponse {
                messages: vec![nurture::Message { state: evil(), reason: evil(), ..Default::default() }],
                ..Default::default()
            },
        )
        .says(
            "NurtureService/ExportPerson",
            &nurture::ExportPersonResponse {
                document: serde_json::to_vec(&serde_json::json!({ "name": EVIL })).expect("JSON"),
            },
        )
}

fn score() -> qualification::ScoreExplanation {
    qualification::ScoreExplanation {
        person_id: evil(),
        lead_id: evil(),
        fit_grade: evil(),
        rules: evil(),
        reasons: vec![lead_reason()],
        fit_reasons: vec![lead_reason()],
        ..Default::default()
    }
}

fn decision() -> qualification::Decision {
    qualification::Decision {
        lead_id: evil(),
        kind: evil(),
        rules: evil(),
        result: evil(),
        reasons: vec![lead_reason()],
        replay_equal: Some(false),
        replay_result: evil(),
        ..Default::default()
    }
}

fn of_qualification(role: FakeRole) -> FakeRole {
    let snapshot = qualification::LeadSnapshot {
        stage: evil(),
        fit_grade: evil(),
        disqualified_reason: evil(),
        reasons: vec![lead_reason()],
        contact: Some(qualification::Contact { email: evil(), name: evil(), company: evil(), ..Default::default() }),
        owner: Some(qualification::Owner { rep_id: evil(), name: evil(), email: evil() }),
        ..Default::default()
    };
    let lead = qualification::Lead { lead_id: evil(), snapshot: Some(snapshot), ..Default::default() };
    let entry = qualification::TimelineEntry {
        event_id: evil(),
        kind: evil(),
        name: evil(),
        bot_reason: evil(),
        voided: true,
        ..Default::default()
    };
    let decisions = vec![decision()];
    role.says("LeadService/GetLead", &qualification::GetLeadResponse { lead: Some(lead.clone()) })
        .says(
            "LeadService/ListLeads",
            &qualification::ListLeadsResponse { leads: vec![lead], next_page_token: String::new() },
        )
        .says(
            "LeadService/ListTimeline",
            &qualification::ListTimelineResponse { entries: vec![entry], next_page_token: String::new() },
        )
        .says(
            "LeadService/ExplainDecision",
            &qualification::ExplainDecisionResponse { score: Some(score()), decisions: decisions.clone() },
        )
        .says(
            "LeadService/ListDecisions",
            &qualification::ListDecisionsResponse { decisions, next_page_token: String::new() },
        )
        .says(
            "QualificationAdminService/ErasePerson",
            &qualification::ErasePersonResponse { person_id: evil(), ..Default::default() },
        )
        .says(
            "QualificationAdminService/RecomputePerson",
            &qualification::RecomputePersonResponse { person_id: evil(), fit_grade: evil(), ..Default::default() },
        )
        .says(
            "QualificationAdminService/ListModels",
            &qualification::ListModelsResponse {
                models: vec![qualification::Model { name: evil(), sha256: evil(), ..Default::default() }],
            },
        )
}

fn of_assignment(role: FakeRole) -> FakeRole {
    let lead = assignment::LeadSnapshot {
        name: evil(),
        email: evil(),
        company: evil(),
        stage: evil(),
        fit_grade: evil(),
        hand_raise: true,
        hand_raise_kind: evil(),
        hand_raise_text: evil(),
        reasons: vec![reason()],
        ..Default::default()
    };
    let event = assignment::AssignmentEvent {
        lead_id: evil(),
        r#type: evil(),
        lead: Some(lead),
        assignment: Some(assignment::Assignment {
            rep_id: evil(),
            rep_name: evil(),
            reasons: vec![reason()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let decision = assignment::AssignmentDecision {
        kind: evil(),
        rules: evil(),
        result: evil(),
        reasons: vec![reason()],
        rejected: vec![assignment::Candidate { rep_id: evil(), reason: evil() }],
        ..Default::default()
    };
    let rep = assignment::Rep { rep_id: evil(), name: evil(), time_zone: evil(), ..Default::default() };
    let member = assignment::PoolMember { rep_id: evil(), ..Default::default() };
    let pool = assignment::Pool { pool_id: evil(), name: evil(), members: vec![member], ..Default::default() };
    let item = assignment::Item { cursor: "cursor".to_owned(), event: Some(event.clone()) };
    role.says(
        "AssignmentStreamService/WatchAssignments",
        &assignment::WatchAssignmentsResponse { items: vec![item], ..Default::default() },
    )
    .says(
        "AssignmentStreamService/ExplainAssignment",
        &assignment::ExplainAssignmentResponse { decisions: vec![decision] },
    )
    .says("AssignmentStreamService/ListDecisions", &assignment::ListDecisionsResponse::default())
    .says("AssignmentAdminService/ListReps", &assignment::ListRepsResponse { reps: vec![rep.clone()] })
    .says("AssignmentAdminService/SetPresence", &assignment::SetPresenceResponse { rep: Some(rep) })
    .says("AssignmentAdminService/ListPools", &assignment::ListPoolsResponse { pools: vec![pool] })
    .says("RepService/AcceptLead", &assignment::AcceptLeadResponse { event: Some(event) })
    .refuses("RepService/DeclineLead", tonic::Status::failed_precondition(EVIL))
}
