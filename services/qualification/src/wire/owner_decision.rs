//! Decisions about reports from assignment as they are kept: the lead as it was and the report, and what was folded.

use prost::Message;

use crate::domain::lifecycle::{Folded, LeadView, Owner, OwnerReport, Report, Stage};

use super::Corrupt;

#[derive(Clone, PartialEq, Message)]
struct StoredOwner {
    #[prost(string, tag = "1")]
    rep_id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    email: String,
}

#[derive(Clone, PartialEq, Message)]
struct StoredQuestion {
    #[prost(int32, tag = "1")]
    stage: i32,
    #[prost(message, optional, tag = "2")]
    owner: Option<StoredOwner>,
    #[prost(int32, repeated, tag = "3")]
    last: Vec<i32>,
    #[prost(int32, repeated, tag = "4")]
    at: Vec<i32>,
    /// 0 if the report says none.
    #[prost(int32, tag = "5")]
    reported_stage: i32,
    /// 0 silent, 1 nobody, 2 this one.
    #[prost(int32, tag = "6")]
    reported: i32,
    #[prost(message, optional, tag = "7")]
    reported_owner: Option<StoredOwner>,
    #[prost(string, tag = "8")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct StoredAnswer {
    /// "repeat", "closed", "applied".
    #[prost(string, tag = "1")]
    folded: String,
    /// From and to, if it changed.
    #[prost(int32, repeated, tag = "2")]
    stage: Vec<i32>,
    #[prost(bool, tag = "3")]
    owner_changed: bool,
    #[prost(message, optional, tag = "4")]
    owner: Option<StoredOwner>,
}

/// Bytes of a question.
#[must_use]
pub fn encode_question(lead: &LeadView, report: &Report) -> Vec<u8> {
    let (reported, reported_owner) = match &report.owner {
        OwnerReport::Silent => (0, None),
        OwnerReport::Nobody => (1, None),
        OwnerReport::Is(owner) => (2, Some(to_owner(owner))),
    };
    StoredQuestion {
        stage: i32::from(lead.stage.number()),
        owner: lead.owner.as_ref().map(to_owner),
        last: vec![lead.last.0, lead.last.1],
        at: vec![report.at.0, report.at.1],
        reported_stage: report.stage.map_or(0, |stage| i32::from(stage.number())),
        reported,
        reported_owner,
        reason: report.reason.clone(),
    }
    .encode_to_vec()
}

/// Reads what [`encode_question`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_question(bytes: &[u8]) -> Result<(LeadView, Report), Corrupt> {
    let corrupt = Corrupt("owner decision");
    let stored = StoredQuestion::decode(bytes).map_err(|_| corrupt)?;
    let stage = |number: i32| i16::try_from(number).ok().and_then(Stage::from_number);
    let pair = |pair: &[i32]| match pair {
        [one, other] => Ok((*one, *other)),
        _ => Err(corrupt),
    };
    let owner = match (stored.reported, stored.reported_owner) {
        (0, None) => OwnerReport::Silent,
        (1, None) => OwnerReport::Nobody,
        (2, Some(owner)) => OwnerReport::Is(from_owner(owner)),
        _ => return Err(corrupt),
    };
    let lead = LeadView {
        stage: stage(stored.stage).ok_or(corrupt)?,
        owner: stored.owner.map(from_owner),
        last: pair(&stored.last)?,
    };
    let reported_stage =
        if stored.reported_stage == 0 { None } else { Some(stage(stored.reported_stage).ok_or(corrupt)?) };
    Ok((lead, Report { at: pair(&stored.at)?, stage: reported_stage, owner, reason: stored.reason }))
}

/// Bytes of an answer.
#[must_use]
pub fn encode_answer(folded: &Folded) -> Vec<u8> {
    let stored = match folded {
        Folded::Repeat => StoredAnswer { folded: "repeat".to_owned(), ..StoredAnswer::default() },
        Folded::Closed => StoredAnswer { folded: "closed".to_owned(), ..StoredAnswer::default() },
        Folded::Applied { stage, owner } => StoredAnswer {
            folded: "applied".to_owned(),
            stage: stage.map(|(from, to)| vec![i32::from(from.number()), i32::from(to.number())]).unwrap_or_default(),
            owner_changed: owner.is_some(),
            owner: owner.as_ref().and_then(|(_, after)| after.as_ref()).map(to_owner),
        },
    };
    stored.encode_to_vec()
}

/// What was folded, for people: `sal, owner anna`.
///
/// # Errors
/// [`Corrupt`].
pub fn describe_answer(bytes: &[u8]) -> Result<String, Corrupt> {
    let stored = StoredAnswer::decode(bytes).map_err(|_| Corrupt("owner decision"))?;
    let mut words = Vec::new();
    let to = stored.stage.last().and_then(|number| Stage::from_number(i16::try_from(*number).ok()?));
    words.extend(to.map(|stage| format!("stage {}", stage.as_str())));
    if stored.owner_changed {
        words.push(stored.owner.map_or_else(|| "no owner".to_owned(), |owner| format!("owner {}", owner.rep_id)));
    }
    Ok(words.join(", "))
}

fn to_owner(owner: &Owner) -> StoredOwner {
    let Owner { rep_id, name, email } = owner.clone();
    StoredOwner { rep_id, name, email }
}

fn from_owner(stored: StoredOwner) -> Owner {
    let StoredOwner { rep_id, name, email } = stored;
    Owner { rep_id, name, email }
}
