//! What assignment reports of a lead: stage and owner, folded into ours. It never reopens a lead and never writes a stage
//! that is born here.

use super::Stage;

/// Who is responsible, as assignment said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Id of the rep.
    pub rep_id: String,
    /// For people.
    pub name: String,
    /// How CRMs know an owner.
    pub email: String,
}

/// What a lead looks like to a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadView {
    /// Where it stands.
    pub stage: Stage,
    /// Who has it.
    pub owner: Option<Owner>,
    /// (incarnation, sequence) of the last report folded.
    pub last: (i32, i32),
}

/// One event of the assignment topic, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// (incarnation, sequence).
    pub at: (i32, i32),
    /// Stage after it; none if the event does not say or says a stage that is not born in assignment.
    pub stage: Option<Stage>,
    /// Owner after it.
    pub owner: OwnerReport,
    /// Why, in assignment's words.
    pub reason: String,
}

/// What a report says about the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerReport {
    /// This rep is responsible now.
    Is(Owner),
    /// Nobody is.
    Nobody,
    /// Nothing about it.
    Silent,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Seen before.
    Repeat,
    /// The lead is closed: counted, not applied.
    Closed,
    /// Taken in; what is none did not change.
    Applied {
        /// From and to.
        stage: Option<(Stage, Stage)>,
        /// Before and after.
        owner: Option<(Option<Owner>, Option<Owner>)>,
    },
}

/// Folds one report.
#[must_use]
pub fn fold_report(lead: &LeadView, report: &Report) -> Folded {
    if report.at <= lead.last {
        return Folded::Repeat;
    }
    if !lead.stage.is_open() {
        return Folded::Closed;
    }
    let born_there =
        |stage: &Stage| matches!(stage, Stage::Sal | Stage::Sql | Stage::Recycled | Stage::Won | Stage::Lost);
    let stage = report.stage.filter(born_there).filter(|stage| *stage != lead.stage).map(|to| (lead.stage, to));
    let after = match &report.owner {
        OwnerReport::Is(owner) => Some(owner.clone()),
        OwnerReport::Nobody => None,
        OwnerReport::Silent => lead.owner.clone(),
    };
    let owner = (after != lead.owner).then(|| (lead.owner.clone(), after));
    Folded::Applied { stage, owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(stage: Stage) -> LeadView {
        LeadView { stage, owner: None, last: (1, 4) }
    }

    fn report(sequence: i32, stage: Option<Stage>, owner: OwnerReport) -> Report {
        Report { at: (1, sequence), stage, owner, reason: String::new() }
    }

    fn anna() -> Owner {
        Owner { rep_id: "anna".into(), name: "Anna Reyes".into(), email: "anna@sales.example".into() }
    }

    #[test]
    fn a_report_is_taken_once_and_never_reopens() {
        let sal = report(5, Some(Stage::Sal), OwnerReport::Is(anna()));
        let applied = Folded::Applied { stage: Some((Stage::Mql, Stage::Sal)), owner: Some((None, Some(anna()))) };
        assert_eq!(fold_report(&lead(Stage::Mql), &sal), applied);
        assert_eq!(fold_report(&lead(Stage::Mql), &report(4, Some(Stage::Sal), OwnerReport::Silent)), Folded::Repeat);
        for closed in [Stage::Won, Stage::Lost, Stage::Disqualified, Stage::Merged, Stage::Erased] {
            assert_eq!(fold_report(&lead(closed), &sal), Folded::Closed, "{closed:?}");
        }
        // A restore raises the incarnation: its sequences begin anew.
        let restored = Report { at: (2, 1), ..sal };
        assert!(matches!(fold_report(&lead(Stage::Mql), &restored), Folded::Applied { .. }));
    }

    #[test]
    fn stages_born_here_are_not_taken_back_from_there() {
        for own in [Stage::Open, Stage::Mql, Stage::Disqualified, Stage::Merged, Stage::Erased] {
            let folded = fold_report(&lead(Stage::Sal), &report(9, Some(own), OwnerReport::Silent));
            assert_eq!(folded, Folded::Applied { stage: None, owner: None }, "{own:?}");
        }
    }
}
