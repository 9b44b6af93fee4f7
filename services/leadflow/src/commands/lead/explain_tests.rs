//! What `lead explain` asks of whom, and the order in which it tells it.

use leadflow_proto::assignment::v1 as assignment;
use leadflow_proto::qualification::v1 as qualification;

use crate::commands::fake_role::FakeRole;

const WON: &str = "11111111-1111-5111-8111-111111111111";
const PRESENT: &str = "22222222-2222-5222-8222-222222222222";

fn at(seconds: i64) -> Option<pbjson_types::Timestamp> {
    Some(pbjson_types::Timestamp { seconds, nanos: 0 })
}

/// A person with a won lead and a present one; both services decided about both, in turns.
fn person_with_two_leads() -> FakeRole {
    use qualification::explain_decision_request::Key;
    let decided = |lead: &str, seconds, result: &str| qualification::Decision {
        lead_id: lead.to_owned(),
        kind: "stage".to_owned(),
        decided_at: at(seconds),
        result: result.to_owned(),
        ..Default::default()
    };
    let of_won = vec![decided(WON, 10, "opened-won"), decided(WON, 30, "closed-won")];
    let mut of_person = of_won.clone();
    of_person.push(decided(PRESENT, 50, "opened-present"));
    let explain = move |request: qualification::ExplainDecisionRequest| qualification::ExplainDecisionResponse {
        score: Some(qualification::ScoreExplanation {
            person_id: "33333333-3333-5333-8333-333333333333".to_owned(),
            lead_id: PRESENT.to_owned(),
            ..Default::default()
        }),
        decisions: match request.key {
            Some(Key::LeadId(_)) => of_won.clone(),
            _ => of_person.clone(),
        },
    };
    let assigned = |request: assignment::ExplainAssignmentRequest| {
        use assignment::explain_assignment_request::Key;
        let Some(Key::LeadId(lead_id)) = request.key else { return assignment::ExplainAssignmentResponse::default() };
        let (seconds, result) = if lead_id == WON { (20, "offer-won") } else { (60, "offer-present") };
        let decision = assignment::AssignmentDecision {
            lead_id,
            kind: "offer".to_owned(),
            decided_at: at(seconds),
            result: result.to_owned(),
            ..Default::default()
        };
        assignment::ExplainAssignmentResponse { decisions: vec![decision] }
    };
    let lead = qualification::Lead {
        snapshot: Some(qualification::LeadSnapshot { stage: "won".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    FakeRole::default()
        .answers("LeadService/ExplainDecision", explain)
        .answers("AssignmentStreamService/ExplainAssignment", assigned)
        .says("NurtureService/ExplainLead", &leadflow_proto::nurture::v1::ExplainLeadResponse::default())
        .says("LeadService/GetLead", &qualification::GetLeadResponse { lead: Some(lead) })
}

/// Where each of these stands, in the order of the text; panics if one is missing.
fn in_order(text: &str, words: &[&str]) -> bool {
    let places: Vec<usize> =
        words.iter().map(|word| text.find(word).unwrap_or_else(|| panic!("no {word} in {text}"))).collect();
    places.is_sorted()
}

#[tokio::test]
async fn a_closed_lead_is_explained_by_its_own_decisions() {
    let role = person_with_two_leads();
    // As somebody may have copied it.
    let (text, ended) = role.run(&format!("lead explain {}", WON.to_uppercase()), false, false).await;
    ended.expect("explained");
    assert!(in_order(&text, &["opened-won", "offer-won", "closed-won"]), "{text}");
    assert!(!text.contains("offer-present") && !text.contains("opened-present"), "{text}");
    assert!(text.contains("This lead is `won`") && text.contains(PRESENT), "the other lead is named: {text}");
    let asked: Vec<assignment::ExplainAssignmentRequest> = role.asked("AssignmentStreamService/ExplainAssignment");
    let key = assignment::explain_assignment_request::Key::LeadId(WON.to_owned());
    assert_eq!(asked.iter().map(|request| request.key.clone()).collect::<Vec<_>>(), [Some(key)]);
}

#[tokio::test]
async fn a_person_is_explained_by_all_leads_in_the_order_of_time() {
    let role = person_with_two_leads();
    let (text, ended) = role.run("lead explain ada@analytics.example", false, false).await;
    ended.expect("explained");
    assert!(in_order(&text, &["opened-won", "offer-won", "closed-won", "opened-present", "offer-present"]), "{text}");
    assert!(text.contains(&format!("lead {WON}")) && text.contains(&format!("lead {PRESENT}")), "{text}");
    let (text, ended) = role.run("lead explain ada@analytics.example", true, false).await;
    ended.expect("explained");
    assert!(in_order(&text, &["opened-won", "offer-won", "closed-won", "opened-present", "offer-present"]), "{text}");
}

#[tokio::test]
async fn a_disqualified_person_is_told_as_that_first() {
    let lead = qualification::Lead {
        snapshot: Some(qualification::LeadSnapshot {
            disqualified_reason: "competitor".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let score = qualification::ScoreExplanation { engagement_milli_points: 50_000, ..Default::default() };
    let role =
        FakeRole::default().says("LeadService/GetLead", &qualification::GetLeadResponse { lead: Some(lead) }).says(
            "LeadService/ExplainDecision",
            &qualification::ExplainDecisionResponse { score: Some(score), decisions: Vec::new() },
        );
    let (text, ended) = role.run("lead explain eve@rival.example", false, false).await;
    ended.expect("explained");
    assert!(text.starts_with("Disqualified: competitor"), "{text}");
    assert!(in_order(&text, &["Disqualified", "50 points"]), "{text}");
}

#[tokio::test]
async fn what_is_neither_address_nor_id_asks_nobody() {
    let role = person_with_two_leads();
    for command in ["lead explain", "lead show"] {
        let (_, ended) = role.run(&format!("{command} nonsense"), false, false).await;
        let said = ended.expect_err("no id").to_string();
        assert_eq!(said, "`nonsense` is neither an e-mail address nor a lead id");
    }
    assert!(role.asked::<qualification::GetLeadRequest>("LeadService/GetLead").is_empty());
}
