//! `leadflow pool`: reps who share a distribution, and who got how much of it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use leadflow_proto::assignment::v1::{ListPoolsRequest, ListRepsRequest, Pool as WirePool, PoolMember, PutPoolRequest};

use crate::client::Connection;
use crate::figures::{count, leads, signed_leads};
use crate::output::Output;
use crate::text::{bold, plain};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow pool add inbound --default --member dana=2 --member eli --offer-timeout 120s
  leadflow pool list
The ledger of `pool list` is that of the running stretch: as long as the same reps with the same weights share, SHARED counts
what each received of it and DUE what each is entitled to, with what earlier stretches left. A lead that only one rep could
have had is in no ledger. TODAY is every offer of the day, in any pool.")]
pub(crate) enum Pool {
    /// Make or replace a pool with its members.
    Add(Add),
    /// All pools with the fairness ledger of each member.
    List,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Id: lower-case letters, digits, dot, dash.
    pool: String,
    /// As people know it; the id unless told.
    #[arg(long)]
    name: Option<String>,
    /// Takes leads of this product line.
    #[arg(long, default_value = "")]
    product_line: String,
    /// Takes every lead that no other pool takes.
    #[arg(long)]
    default: bool,
    /// How long a rep has to accept ("90s", "5m"); without it leads are assigned at once.
    #[arg(long, value_name = "TIME")]
    offer_timeout: Option<String>,
    /// Pause before a new round when everybody was asked.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    round_pause: String,
    /// The person's or account's owner gets the lead if eligible.
    #[arg(long)]
    owner_match: bool,
    /// A member and its weight, "dana=2"; may be repeated.
    #[arg(long, value_name = "REP[=WEIGHT]", required = true)]
    member: Vec<String>,
}

impl Pool {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        let mut client = connection.assignment_admin().await?;
        match self {
            Pool::Add(add) => {
                let request = add.request()?;
                let pool = client.put_pool(request).await?.into_inner().pool.unwrap_or_default();
                let members = count(pool.members.len(), "member");
                output.done(&pool, format!("pool {}@{} with {members}", pool.pool_id, pool.version))
            }
            Pool::List => {
                let pools = client.list_pools(ListPoolsRequest {}).await?.into_inner().pools;
                let reps = client.list_reps(ListRepsRequest {}).await?.into_inner().reps;
                let today = reps.into_iter().map(|rep| (rep.rep_id, rep.day_count)).collect();
                list(output, &pools, &today)
            }
        }
    }
}

impl Add {
    fn request(self) -> anyhow::Result<PutPoolRequest> {
        let members = self.member.iter().map(|text| parse_member(text)).collect::<anyhow::Result<Vec<_>>>()?;
        let offer_timeout = self.offer_timeout.as_deref().map(parse_duration).transpose()?;
        Ok(PutPoolRequest {
            pool: Some(WirePool {
                name: self.name.unwrap_or_else(|| self.pool.clone()),
                pool_id: self.pool,
                product_line: self.product_line,
                is_default: self.default,
                offer_timeout,
                round_pause: Some(parse_duration(&self.round_pause)?),
                owner_match: self.owner_match,
                members,
                ..Default::default()
            }),
        })
    }
}

fn parse_member(text: &str) -> anyhow::Result<PoolMember> {
    let (rep, weight) = text.split_once('=').unwrap_or((text, "1"));
    let weight = weight.parse().with_context(|| format!("the weight of `{text}` is no whole number"))?;
    Ok(PoolMember { rep_id: rep.to_owned(), weight, ..Default::default() })
}

/// "90s", "5m", "1h30m".
fn parse_duration(text: &str) -> anyhow::Result<pbjson_types::Duration> {
    let span: jiff::SignedDuration =
        text.parse().with_context(|| format!("`{text}` is no time span; write it like 90s or 5m"))?;
    Ok(pbjson_types::Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() })
}

fn list(output: Output, pools: &[WirePool], today: &BTreeMap<String, i32>) -> anyhow::Result<()> {
    if output.is_json() {
        return pools.iter().try_for_each(|pool| output.json_line(pool));
    }
    for pool in pools {
        let default = if pool.is_default { ", default" } else { "" };
        let waiting = count(pool.waiting, "lead");
        output.line([bold(&pool.pool_id), plain(format!("  version {}{default}, {waiting} waiting", pool.version))])?;
        let rows = pool.members.iter().map(|member| {
            let today = today.get(&member.rep_id).map_or_else(|| "-".to_owned(), ToString::to_string);
            vec![
                plain(format!("  {}", member.rep_id)),
                plain(member.weight.to_string()),
                plain(today),
                plain(leads(member.received_micro)),
                plain(leads(member.entitled_micro)),
                plain(signed_leads(member.received_micro - member.entitled_micro)),
            ]
        });
        output.table(&["  REP", "WEIGHT", "TODAY", "SHARED", "DUE", "OFF BY"], rows.collect())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_keeps_its_signs_and_the_day_is_told() {
        let member = PoolMember { rep_id: "dana".into(), weight: 2, received_micro: 0, entitled_micro: -300_000 };
        let pool =
            WirePool { pool_id: "inbound".into(), version: 3, waiting: 1, members: vec![member], ..Default::default() };
        let (output, kept) = Output::kept(false, false);
        list(output, &[pool], &BTreeMap::from([("dana".to_owned(), 30)])).expect("kept");
        let text = kept.lock().expect("no other").clone();
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(text.lines().next(), Some("inbound  version 3, 1 lead waiting"));
        assert_eq!(words[1], ["REP", "WEIGHT", "TODAY", "SHARED", "DUE", "OFF", "BY"]);
        assert_eq!(words[2], ["dana", "2", "30", "0", "-0.3", "+0.3"]);
    }

    #[test]
    fn members_and_times_are_read() {
        assert_eq!(parse_member("dana=2").expect("valid").weight, 2);
        assert_eq!(parse_member("dana").expect("valid").weight, 1);
        assert!(parse_member("dana=x").is_err());
        assert_eq!(parse_duration("90s").expect("valid").seconds, 90);
        assert_eq!(parse_duration("1h30m").expect("valid").seconds, 5400);
        assert!(parse_duration("soon").is_err());
    }
}
