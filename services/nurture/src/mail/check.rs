//! What is wrong with a template before anybody gets a mail of it: for `leadflow check`, in every branch and for people who
//! lack what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::engine::line_at;
use super::fault::{Part, RenderError};
use super::html::{Token, flat, tokens};
use super::led_away::{LedAway, led_away};
use super::mjml::unknown_elements;
use super::sample::{OPTIONAL, Sample};
use super::statements::blanked;
use super::suggest;
use super::template::{MailKind, Rendered, Template, parts};
use super::url::LinkFault;

/// Gmail shows no more of a mail's HTML than this.
const CLIPPED_AT: usize = 102 * 1024;

/// What is known where a template is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What its mails are.
    pub kind: MailKind,
    /// Names that may stand under `traits`; `None`: any.
    pub traits: Option<BTreeSet<String>>,
    /// Names that may stand under `event`; `None`: any.
    pub event: Option<BTreeSet<String>>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Piece of the template.
    pub part: Part,
    /// Line of that piece, from 1.
    pub line: Option<usize>,
    /// What is wrong and the remedy.
    pub message: String,
    /// A warning does not stop the publishing.
    pub warning: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.part.name())?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))?;
        write!(f, ": {}", self.message)
    }
}

impl From<&RenderError> for Problem {
    fn from(error: &RenderError) -> Self {
        Self { part: error.at().part, line: error.at().line, message: error.reason(), warning: false }
    }
}

impl Template {
    /// Everything that is wrong; empty if nothing is.
    #[must_use]
    pub fn check(&self, known: &Known) -> Vec<Problem> {
        let names = self.names();
        let used: BTreeSet<&str> = names.values().flatten().map(String::as_str).collect();
        let mut sample = Sample::new(used.iter().copied());
        let mut problems = self.unknown_names(&names, known, &sample);
        problems.extend(self.markup());
        for LedAway { position, link } in led_away(&self.source.mjml, &self.environment, &sample.context()) {
            let line = Some(line_at(&self.source.mjml, position));
            let message = format!("link \"{link}\" {}", LinkFault::Host);
            add(&mut problems, Problem { part: Part::Mjml, line, message, warning: false });
        }
        match self.render_sample(&mut sample, known.kind) {
            Ok(mail) => {
                problems.extend(size(&mail));
                problems.extend(self.people_who_lack(&sample, &used, known.kind));
            }
            Err(error) => add(&mut problems, Problem::from(&error)),
        }
        problems.sort_by_key(|problem| (problem.warning, problem.part, problem.line));
        problems
    }

    /// Names that each part looks up.
    fn names(&self) -> BTreeMap<Part, BTreeSet<String>> {
        let names = |part: Part| {
            let template = self.environment.get_template(part.name()).expect("every part was added");
            template.undeclared_variables(true).into_iter().collect()
        };
        parts(&self.source).map(|(part, _)| (part, names(part))).collect()
    }

    fn unknown_names(&self, names: &BTreeMap<Part, BTreeSet<String>>, known: &Known, sample: &Sample) -> Vec<Problem> {
        let context = sample.context();
        let globals: BTreeSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let mut problems = Vec::new();
        for (part, source) in parts(&self.source) {
            for name in names.get(&part).into_iter().flatten().filter(|name| !globals.contains(name.as_str())) {
                let remedy = match allowed(name, known) {
                    Some(Some(allowed)) => suggest::nearest(name, &allowed),
                    Some(None) => continue,
                    None if suggest::is_known(name, &context) => continue,
                    None => suggest::remedy(name, &context),
                };
                let line = source.find(name.as_str()).map(|at| line_at(source, at));
                let message = format!("{name} is not known here; {remedy}");
                problems.push(Problem { part, line, message, warning: false });
            }
        }
        problems
    }

    /// What the body's markup tells in any branch.
    fn markup(&self) -> Vec<Problem> {
        let source = &self.source.mjml;
        let blank = blanked(source);
        let tokens = tokens(&blank);
        let tokens = flat(&tokens);
        let mut problems = Vec::new();
        let mut tell = |position: Option<usize>, message: String| {
            let line = position.map(|position| line_at(source, position));
            problems.push(Problem { part: Part::Mjml, line, message, warning: false });
        };
        for fault in unknown_elements(&tokens) {
            tell(fault.position, fault.reason);
        }
        for token in tokens {
            let Token::Start(tag) = token else { continue };
            if tag.name.starts_with("mj-") && tag.attribute("data-leadflow-track").is_some() {
                let message = format!(
                    "data-leadflow-track has no effect on <{}>; put it on an <a> in mj-text or mj-raw",
                    tag.name
                );
                tell(Some(tag.place.start), message);
            }
            if tag.name == "mj-preview" && self.source.preheader.is_some() {
                tell(Some(tag.place.start), "has <mj-preview> beside a preheader; keep one of them".to_owned());
            }
        }
        problems
    }

    /// A mail for the made-up person, whose placeholders are changed as long as that helps.
    fn render_sample(&self, sample: &mut Sample, kind: MailKind) -> Result<Rendered, RenderError> {
        loop {
            let error = match self.render(&sample.context(), kind) {
                Ok(mail) => return Ok(mail),
                Err(error) => error,
            };
            let turned = match &error {
                RenderError::Link { link, .. } => sample.turn(link),
                RenderError::Template { at, .. } => {
                    let source = parts(&self.source).find(|(part, _)| *part == at.part).map(|(_, source)| source);
                    let line = at.line.and_then(|line| source?.lines().nth(line - 1));
                    line.is_some_and(|line| sample.turn(line))
                }
                _ => false,
            };
            if !turned {
                return Err(error);
            }
        }
    }

    /// What happens to people who lack one thing, and to those who lack everything.
    fn people_who_lack(&self, sample: &Sample, used: &BTreeSet<&str>, kind: MailKind) -> Vec<Problem> {
        let lacking: Vec<&str> = OPTIONAL.into_iter().filter(|name| used.contains(name)).chain(sample.free()).collect();
        let mut problems = Vec::new();
        for name in &lacking {
            if let Err(error @ (RenderError::Unknown { .. } | RenderError::NoValue { .. })) =
                self.render(&sample.without(&[name]).context(), kind)
            {
                let fallback = suggest::fallback(name);
                let message = format!("not everybody has {name}, and those who have not get no mail; {fallback}");
                add(&mut problems, Problem { message, warning: true, ..Problem::from(&error) });
            }
        }
        for names in lacking.iter().map(std::slice::from_ref).chain(std::iter::once(lacking.as_slice())) {
            if let Err(error @ (RenderError::MissingUnsubscribe { .. } | RenderError::MissingPostalAddress { .. })) =
                self.render(&sample.without(names).context(), kind)
            {
                add(&mut problems, Problem::from(&error));
            }
        }
        problems
    }
}

/// Names under a free group: any (`Some(None)`), not this one (`Some(Some(names))`), or `None` if the group is not free.
fn allowed(name: &str, known: &Known) -> Option<Option<Vec<String>>> {
    let (root, rest) = name.split_once('.')?;
    let names = match root {
        "traits" => &known.traits,
        "event" => &known.event,
        _ => return None,
    };
    let key = rest.split('.').next().unwrap_or_default();
    match names {
        Some(names) if !names.contains(key) => Some(Some(names.iter().map(|name| format!("{root}.{name}")).collect())),
        _ => Some(None),
    }
}

fn size(mail: &Rendered) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut warn = |message: String| problems.push(Problem { part: Part::Mjml, line: None, message, warning: true });
    if mail.html.len() > CLIPPED_AT {
        warn(format!("the HTML has {} KiB; Gmail clips mails at 102 KiB, and hides their end", mail.html.len() / 1024));
    }
    if mail.html.contains("www.mailjet.com/images") {
        warn("mj-social-element loads its icon from www.mailjet.com; give it a src of your own".to_owned());
    }
    problems
}

fn add(problems: &mut Vec<Problem>, problem: Problem) {
    let is_same = |other: &Problem| other.part == problem.part && other.message == problem.message;
    if !problems.iter().any(is_same) {
        problems.push(problem);
    }
}
