//! How well a person and their company match the ideal customer: points from rules about who they are, then a grade. Fit
//! points never mix with engagement points; the grade chooses the mql threshold.

use crate::domain::score::Line;

use super::condition::Conditions;
use super::model::Model;
use super::person::{PersonFacts, PersonField};

/// The fit grade, best first. A person of whom nothing is known is what 0 points make of them, usually D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Grade {
    /// Best fit.
    A = 0,
    /// Good fit.
    B = 1,
    /// Weak fit.
    C = 2,
    /// No fit, or nothing known.
    D = 3,
}

impl Grade {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    /// The letter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }

    /// 0 for A to 3 for D: the number in the person's row.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The grade with this number, or none.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number)).copied()
    }
}

/// How well somebody fits, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The grade.
    pub grade: Grade,
    /// Sum of the lines, in milli-points.
    pub milli_points: i32,
    /// One per rule that matched, in the order of the model.
    pub lines: Vec<Line>,
}

/// Rules and boundaries of a model.
#[derive(Debug, Default)]
pub(super) struct FitModel {
    pub(super) rules: Vec<FitRule>,
    /// Milli-points from which A, B and C are given, descending.
    pub(super) grades: [i32; 3],
}

#[derive(Debug)]
pub(super) struct FitRule {
    pub(super) id: String,
    pub(super) text: String,
    /// Milli-points.
    pub(super) points: i32,
    pub(super) conditions: Conditions<PersonField>,
}

impl Model {
    /// Fit of a person. To be asked again when traits, addresses, account or the model change.
    ///
    /// ```text
    /// fit points      >= grades.A   >= grades.B   >= grades.C   below
    /// grade               A             B             C           D
    /// mql threshold   mql.A         mql.B         mql.C         mql.D      (engagement points, or never)
    /// ```
    #[must_use]
    pub fn fit(&self, person: &PersonFacts<'_>) -> Fit {
        let matching = self.fit.rules.iter().filter(|rule| rule.conditions.met_by(|field| field.read(person)));
        let lines: Vec<Line> = matching
            .map(|rule| Line {
                code: rule.id.clone(),
                text: rule.text.clone(),
                milli_points: rule.points,
                evidence: None,
            })
            .collect();
        let milli_points = lines.iter().map(|line| line.milli_points).sum();
        Fit { grade: self.fit.grade(milli_points), milli_points, lines }
    }
}

impl FitModel {
    /// A model without fit rules gives everybody D.
    fn grade(&self, milli_points: i32) -> Grade {
        if self.rules.is_empty() {
            return Grade::D;
        }
        let place = self.grades.iter().position(|&from| milli_points >= from);
        place.map_or(Grade::D, |place| Grade::ALL[place])
    }
}
