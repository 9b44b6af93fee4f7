//! The last look before DATA: whatever has come to forbid a mail since it was claimed stops it there.

use jiff::ToSpan as _;
use leadflow_nurture::store::message_begin::{Begin, begin};
use uuid::Uuid;

use crate::door::message_of;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_forbids_a_mail_after_its_claim_stops_it_before_data() {
    for (what, sql) in [
        ("nothing", "select 1"),
        (
            "a stop",
            "insert into suppression (email_hash, reason, at) select email_hash, 'unsubscribed', clock() from lead",
        ),
        ("a consent that was taken back", "update consent set given = false"),
        ("no consent any more", "delete from consent"),
        ("a topic that was turned off", "insert into preference select email_hash, 'news', false, clock() from lead"),
        ("a journey that was paused", "update journey_state set paused = true"),
        ("sending that was paused", "update sending set paused = true"),
        ("an enrolment that ended", "update enrollment set state = 3"),
        ("another claim", "update message set lease_owner = gen_random_uuid()"),
    ] {
        let world = World::new().await;
        world.publish(&two_mails()).await;
        world.deliver(vec![opened(1)]).await;
        let (message_id, lease_owner) = (message_of(&world, 1).await, Uuid::now_v7());
        sqlx::query("update message set lease_owner = $1, lease_until = clock() + interval '30 seconds'")
            .bind(lease_owner)
            .execute(world.database.pool())
            .await
            .unwrap();
        sqlx::query(sql).execute(world.database.pool()).await.unwrap();
        let now = world.database.now().await.unwrap();
        let look = Begin {
            message_id,
            lease_owner,
            lease_until: now.checked_add(5.minutes()).unwrap(),
            now,
            links: &[],
            marketing: true,
            purpose: "marketing_email",
            topic: "news",
        };
        let mut connection = world.database.pool().acquire().await.unwrap();
        assert_eq!(begin(&mut connection, &look).await.unwrap(), what == "nothing", "{what}");
    }
}
