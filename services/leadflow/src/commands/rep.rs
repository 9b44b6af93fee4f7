//! `leadflow rep`: sales executives, their hours, their presence.

use anyhow::Context as _;
use leadflow_proto::assignment::v1::{
    DeactivateRepRequest, ListRepsRequest, PutRepRequest, Rep as WireRep, SetPresenceRequest, WorkingHours,
};

use crate::client::Connection;
use crate::figures::time;
use crate::output::Output;
use crate::text::plain;

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow rep add dana --name 'Dana Reyes' --email dana@sales.example --time-zone Europe/Berlin --hours mon-fri@09:00-17:30
  leadflow rep away dana")]
pub(crate) enum Rep {
    /// Make or replace a rep.
    Add(Add),
    /// All reps with presence and load.
    List,
    /// No more leads until `back`.
    Away {
        /// Id of the rep.
        rep: String,
    },
    /// Present until the end of the schedule.
    Back {
        /// Id of the rep.
        rep: String,
    },
    /// Gone for good: no lead after this answered; open offers pass on.
    Deactivate {
        /// Id of the rep.
        rep: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Id: lower-case letters, digits, dot, dash.
    rep: String,
    /// As customers know them.
    #[arg(long)]
    name: String,
    /// As the CRM knows them.
    #[arg(long)]
    email: String,
    /// IANA name.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// Working hours, "mon-fri@09:00-17:30"; may be repeated; none: always.
    #[arg(long, value_name = "DAYS@FROM-TO")]
    hours: Vec<String>,
    /// A day off, "2026-12-25"; may be repeated.
    #[arg(long, value_name = "DATE")]
    holiday: Vec<String>,
    /// Most open leads at one time; 0: no limit.
    #[arg(long, default_value_t = 0)]
    max_open: i32,
    /// Most offers a day; 0: no limit.
    #[arg(long, default_value_t = 0)]
    max_day: i32,
    /// Not yet present.
    #[arg(long)]
    away: bool,
}

impl Rep {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        let mut client = connection.assignment_admin().await?;
        match self {
            Rep::Add(add) => {
                let (away, request) = (add.away, add.request()?);
                let rep_id = request.rep.as_ref().map(|rep| rep.rep_id.clone()).unwrap_or_default();
                let mut rep = client.put_rep(request).await?.into_inner().rep.unwrap_or_default();
                if !away {
                    let request = SetPresenceRequest { rep_id, present: true };
                    rep = client.set_presence(request).await?.into_inner().rep.unwrap_or_default();
                }
                output.done(&rep, format!("rep {}: {}", rep.rep_id, presence(&rep)))
            }
            Rep::List => {
                let reps = client.list_reps(ListRepsRequest {}).await?.into_inner().reps;
                list(output, &reps)
            }
            Rep::Away { rep } => set_presence(connection, output, rep, false).await,
            Rep::Back { rep } => set_presence(connection, output, rep, true).await,
            Rep::Deactivate { rep } => {
                let request = DeactivateRepRequest { rep_id: rep };
                let rep = client.deactivate_rep(request).await?.into_inner().rep.unwrap_or_default();
                output.done(&rep, format!("rep {} gets no more leads", rep.rep_id))
            }
        }
    }
}

async fn set_presence(connection: &Connection, output: Output, rep_id: String, present: bool) -> anyhow::Result<()> {
    let request = SetPresenceRequest { rep_id, present };
    let rep = connection.assignment_admin().await?.set_presence(request).await?.into_inner().rep.unwrap_or_default();
    output.done(&rep, format!("rep {}: {}", rep.rep_id, presence(&rep)))
}

fn presence(rep: &WireRep) -> String {
    match (&rep.present_until, rep.active) {
        (_, false) => "inactive".to_owned(),
        // A rep without hours is present until somebody says otherwise: the last year there is.
        (Some(until), true) if time(Some(until)).starts_with("9999-") => "present".to_owned(),
        (Some(until), true) => format!("present until {}", time(Some(until))),
        (None, true) => "away".to_owned(),
    }
}

fn list(output: Output, reps: &[WireRep]) -> anyhow::Result<()> {
    if output.is_json() {
        return reps.iter().try_for_each(|rep| output.json_line(rep));
    }
    let limit = |n: i32| if n == 0 { "-".to_owned() } else { n.to_string() };
    let rows = reps.iter().map(|rep| {
        vec![
            plain(&rep.rep_id),
            plain(&rep.name),
            plain(&rep.time_zone),
            plain(presence(rep)),
            plain(format!("{}/{}", rep.open_count, limit(rep.max_open))),
            plain(format!("{}/{}", rep.day_count, limit(rep.max_day))),
        ]
    });
    output.table(&["REP", "NAME", "ZONE", "PRESENCE", "OPEN", "TODAY"], rows.collect())
}

impl Add {
    fn request(self) -> anyhow::Result<PutRepRequest> {
        let mut schedule = Vec::new();
        for hours in &self.hours {
            schedule.extend(parse_hours(hours)?);
        }
        Ok(PutRepRequest {
            rep: Some(WireRep {
                rep_id: self.rep,
                name: self.name,
                email: self.email,
                time_zone: self.time_zone,
                schedule,
                holidays: self.holiday,
                max_open: self.max_open,
                max_day: self.max_day,
                ..Default::default()
            }),
        })
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// "mon-fri@09:00-17:30" or "sat@10:00-12:00".
fn parse_hours(text: &str) -> anyhow::Result<Vec<WorkingHours>> {
    let wanted = || format!("`{text}` is no working time; write it like mon-fri@09:00-17:30");
    let (days, times) = text.split_once('@').with_context(wanted)?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let day = |name: &str| DAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
    let (first, last) = day(first).zip(day(last)).with_context(wanted)?;
    let (start, end) = times.split_once('-').with_context(wanted)?;
    let (start, end) = parse_minute(start).zip(parse_minute(end)).with_context(wanted)?;
    anyhow::ensure!(first <= last && start < end, wanted());
    let hours = (first..=last).map(|day| WorkingHours {
        weekday: i32::try_from(day).unwrap_or_default() + 1,
        start_minute: start,
        end_minute: end,
    });
    Ok(hours.collect())
}

/// "17:30" -> 1050; "24:00" is the end of the day.
fn parse_minute(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i32, i32) = (hour.parse().ok()?, minute.parse().ok()?);
    let valid = (0..24).contains(&hour) && (0..60).contains(&minute) || (hour == 24 && minute == 0);
    valid.then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_of_the_year_9999() {
        let until = |text: &str| {
            let at: jiff::Timestamp = text.parse().expect("a time");
            let present_until = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: 0 });
            presence(&WireRep { active: true, present_until, ..Default::default() })
        };
        assert_eq!(until("9999-01-01T00:00:00Z"), "present");
        assert_eq!(until("2026-03-23T17:30:00Z"), "present until 2026-03-23 17:30:00Z");
    }

    #[test]
    fn hours_are_read_or_refused_with_an_example() {
        let hours = parse_hours("mon-fri@09:00-17:30").expect("valid");
        assert_eq!((hours.len(), hours[0].weekday, hours[4].weekday), (5, 1, 5));
        assert_eq!((hours[0].start_minute, hours[0].end_minute), (540, 1050));
        assert_eq!(parse_hours("sun@00:00-24:00").expect("valid")[0].end_minute, 1440);
        for bad in ["", "mon", "mon@9", "fri-mon@09:00-10:00", "mon@10:00-09:00", "mon@25:00-26:00", "foo@09:00-10:00"]
        {
            assert!(parse_hours(bad).expect_err(bad).to_string().contains("mon-fri@09:00-17:30"));
        }
    }
}
