//! The brake: when too many people complain or too many addresses are wrong, every mail of the deployment stops until
//! somebody has looked. Receivers remember a bad day for weeks.

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::pg::{PgError, WriteTx};

use crate::config::Brakes;
use crate::store;
use crate::store::report::Rates;

/// Over so long.
const PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// Fewer people than these pull no brake, whatever their share is: with some hundred mails a day one of them alone would stop
/// everybody's.
const FROM_PEOPLE: i64 = 5;

/// Looks at the rates, and pulls it if one is too high.
///
/// # Errors
/// As the database says.
pub async fn look(tx: &mut WriteTx, brakes: &Brakes) -> Result<(), PgError> {
    let now = tx.now();
    let sending = store::sending::load(&mut *tx.connection()).await?;
    if sending.paused {
        return Ok(());
    }
    let from = now.checked_sub(PERIOD).unwrap_or(Timestamp::MIN);
    let from = sending.brakes_from.map_or(from, |looked| looked.max(from));
    if !store::report::any(tx.connection(), from).await? {
        return Ok(());
    }
    let rates = store::report::rates(tx.connection(), from).await?;
    if let Some(reason) = pulled(rates, brakes) {
        tracing::error!(
            sent = rates.sent,
            bounced = rates.bounced,
            complained = rates.complained,
            "all mails are stopped ({reason}): look at the last journeys, then `leadflow nurture resume-sending`"
        );
        store::sending::pause(tx.connection(), reason, now).await?;
    }
    Ok(())
}

fn pulled(rates: Rates, brakes: &Brakes) -> Option<&'static str> {
    // Bounces at the relay are mails that were never sent.
    let tried = rates.sent + rates.bounced;
    if tried < brakes.from_messages {
        return None;
    }
    if rates.complained >= FROM_PEOPLE && rates.complained * 1000 > brakes.complaints_per_thousand * tried {
        return Some("brake: complaints");
    }
    let bounces = rates.bounced >= FROM_PEOPLE && rates.bounced * 1000 > brakes.bounces_per_thousand * tried;
    bounces.then_some("brake: bounces")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_pulled_by_rates_and_not_by_a_bad_minute() {
        let brakes = Brakes::default();
        let table = [
            ((1000, 0, 3), None),
            ((200, 0, 1), None),
            ((1000, 0, 4), None),
            ((1000, 0, 5), Some("brake: complaints")),
            ((2000, 0, 6), None),
            ((2000, 0, 7), Some("brake: complaints")),
            ((100, 0, 50), None),
            ((920, 80, 0), None),
            ((919, 81, 0), Some("brake: bounces")),
            ((0, 200, 0), Some("brake: bounces")),
        ];
        for ((sent, bounced, complained), wanted) in table {
            assert_eq!(pulled(Rates { sent, bounced, complained }, &brakes), wanted, "{sent} {bounced} {complained}");
        }
    }
}
