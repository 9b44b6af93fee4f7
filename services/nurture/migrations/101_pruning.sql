-- What only explains is removed when it is half a year old (src/retention.rs). Rows of these two come in the order of time and
-- stay where they are, so a small index of ranges finds the old ones, and a new row costs next to nothing.
create index decision_age on decision using brin (at) with (autosummarize = on);
create index link_hit_age on link_hit using brin (at) with (autosummarize = on);
-- A call is over four days after it was queued, however often it is made.
create index webhook_call_age on webhook_call (queued_at) where state <> 1;
-- For all kinds at once; `report_at` is for the brakes.
create index report_age on report (at);
