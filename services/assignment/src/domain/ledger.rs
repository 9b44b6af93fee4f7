//! The fairness ledger of one pool: who was entitled to how much of what was shared out, and who received it.
//!
//! A *stretch* is a run of leads for which the same members with the same weights were eligible. Inside one, entitlement
//! is k * w / W in integers. At a change of the stretch what is left is carried on in millionths of a lead, and what is
//! carried adds up to zero over the pool. A lead that only one rep could have had shares nothing out.

use std::collections::BTreeMap;

use super::fairness::{self, MICRO, Share, share_out};

/// One member's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Weight in the running stretch; 0: not part of it.
    pub stretch_weight: i32,
    /// Leads received in the running stretch.
    pub received: i64,
    /// Carried from earlier stretches, in millionths of a lead; positive: owed to the member.
    pub carried_micro: i64,
    /// Sum of all credits, in millionths of a lead.
    pub credit_micro: i64,
}

/// The accounts of a pool, and its running stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Rises by one with each change of members, weights or eligibility, and with each credit.
    pub stretch_no: i32,
    /// k: leads shared out in the running stretch.
    pub leads: i64,
    /// By rep id: every member of the pool, present or not.
    pub accounts: BTreeMap<String, Account>,
}

/// A stretch that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its number.
    pub stretch_no: i32,
    /// Why the one before it ended: `eligibility`, `weights`, `credit`, `members`.
    pub cause: &'static str,
    /// Who shares, with which weights; sorted by rep id. Empty: nothing is shared out in it.
    pub members: Vec<(String, i32)>,
}

impl Ledger {
    /// Whether exactly these share in the running stretch. `eligible` is sorted by rep id.
    #[must_use]
    pub fn shares_with(&self, eligible: &[(&str, i32)]) -> bool {
        let running = self.accounts.iter().filter(|(_, account)| account.stretch_weight > 0);
        running.map(|(rep_id, account)| (rep_id.as_str(), account.stretch_weight)).eq(eligible.iter().copied())
    }

    /// Makes `eligible` (sorted by rep id, members of the pool) share from now on: ends the running stretch if they are
    /// not the same.
    pub fn begin(&mut self, eligible: &[(&str, i32)], cause: &'static str) -> Option<Stretch> {
        if self.shares_with(eligible) {
            return None;
        }
        self.fold();
        for (rep_id, weight) in eligible {
            self.accounts.entry((*rep_id).to_owned()).or_default().stretch_weight = *weight;
        }
        self.stretch_no += 1;
        let members = eligible.iter().map(|(rep_id, weight)| ((*rep_id).to_owned(), *weight)).collect();
        Some(Stretch { stretch_no: self.stretch_no, cause, members })
    }

    /// Ends the running stretch: what each is still owed is carried. Nobody shares until the next one begins.
    fn fold(&mut self) {
        let weights: Vec<i64> = self.accounts.values().map(|account| i64::from(account.stretch_weight)).collect();
        let entitled = share_out(i128::from(self.leads) * MICRO, &weights);
        for (account, entitled) in self.accounts.values_mut().zip(entitled) {
            let left = entitled - i128::from(account.received) * MICRO;
            account.carried_micro = add_micro(account.carried_micro, left);
            account.received = 0;
            account.stretch_weight = 0;
        }
        self.leads = 0;
    }

    /// Those who share, as the rule of fairness wants them; sorted by rep id.
    #[must_use]
    pub fn shares(&self, pool_id: &str) -> Vec<(&str, Share)> {
        let running = self.accounts.iter().filter(|(_, account)| account.stretch_weight > 0);
        running
            .map(|(rep_id, account)| {
                let share = Share {
                    weight: i64::from(account.stretch_weight),
                    received: account.received,
                    carried_micro: account.carried_micro.saturating_add(account.credit_micro),
                    tie: fairness::tie(pool_id, rep_id),
                };
                (rep_id.as_str(), share)
            })
            .collect()
    }

    /// One lead was shared out and `rep_id` got it.
    pub fn give(&mut self, rep_id: &str) {
        self.leads += 1;
        if let Some(account) = self.accounts.get_mut(rep_id) {
            account.received += 1;
        }
    }

    /// Takes one offer to `rep_id` out of the shares in which it was made, `shares` being the members of that stretch.
    /// The running stretch ends. None if the rep is no member any more: then there is nothing to correct.
    pub fn credit(&mut self, rep_id: &str, shares: &[(String, i32)]) -> Option<Stretch> {
        if !self.accounts.contains_key(rep_id) {
            return None;
        }
        self.fold();
        let present: Vec<&(String, i32)> =
            shares.iter().filter(|(member, _)| self.accounts.contains_key(member)).collect();
        let weights: Vec<i64> = present.iter().map(|(_, weight)| i64::from(*weight)).collect();
        let given_back = share_out(MICRO, &weights);
        if given_back.iter().sum::<i128>() == MICRO {
            for ((member, _), part) in present.iter().zip(given_back) {
                self.adjust_credit(member, -part);
            }
            self.adjust_credit(rep_id, MICRO);
        }
        self.stretch_no += 1;
        Some(Stretch { stretch_no: self.stretch_no, cause: "credit", members: Vec::new() })
    }

    fn adjust_credit(&mut self, rep_id: &str, micro: i128) {
        if let Some(account) = self.accounts.get_mut(rep_id) {
            account.credit_micro = add_micro(account.credit_micro, micro);
        }
    }

    /// Another set of members and weights. What a leaver was owed or had too much is spread over those who stay, by
    /// weight; a newcomer begins at zero. Ends the running stretch if anything changed.
    pub fn replace_members(&mut self, members: &BTreeMap<String, i32>) -> Option<Stretch> {
        let same_members = members.keys().eq(self.accounts.keys());
        let sharing = self.accounts.iter().filter(|(_, account)| account.stretch_weight > 0);
        let same_weights =
            sharing.clone().all(|(rep_id, account)| members.get(rep_id) == Some(&account.stretch_weight));
        if same_members && same_weights {
            return None;
        }
        self.fold();
        let before = std::mem::take(&mut self.accounts);
        self.accounts =
            members.keys().map(|rep_id| (rep_id.clone(), before.get(rep_id).copied().unwrap_or_default())).collect();
        let leavers = before.iter().filter(|(rep_id, _)| !members.contains_key(*rep_id));
        let (carried, credit) = leavers.fold((0_i128, 0_i128), |(carried, credit), (_, account)| {
            (carried + i128::from(account.carried_micro), credit + i128::from(account.credit_micro))
        });
        let weights: Vec<i64> = members.values().map(|weight| i64::from(*weight)).collect();
        let parts = share_out(carried, &weights).into_iter().zip(share_out(credit, &weights));
        for (account, (carried, credit)) in self.accounts.values_mut().zip(parts) {
            account.carried_micro = add_micro(account.carried_micro, carried);
            account.credit_micro = add_micro(account.credit_micro, credit);
        }
        self.stretch_no += 1;
        let cause = if same_members { "weights" } else { "members" };
        Some(Stretch { stretch_no: self.stretch_no, cause, members: Vec::new() })
    }

    /// What each is entitled to in the running stretch, carried and credited included, in millionths of a lead; against
    /// `received` it shows the exact deviation.
    #[must_use]
    pub fn entitled_micro(&self) -> BTreeMap<&str, i64> {
        let weights: Vec<i64> = self.accounts.values().map(|account| i64::from(account.stretch_weight)).collect();
        let entitled = share_out(i128::from(self.leads) * MICRO, &weights);
        let of = |account: &Account, entitled| {
            add_micro(account.carried_micro.saturating_add(account.credit_micro), entitled)
        };
        let each = self.accounts.iter().zip(entitled);
        each.map(|((rep_id, account), entitled)| (rep_id.as_str(), of(account, entitled))).collect()
    }
}

/// A deviation of 9 * 10^12 leads is not reached; should it be, it stays there instead of turning its sign.
fn add_micro(value: i64, micro: i128) -> i64 {
    let sum = i128::from(value) + micro;
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
