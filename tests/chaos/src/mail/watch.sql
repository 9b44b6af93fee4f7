-- The oracle's own eyes, in the order of the database: every mark `sending` with the true time, and whether a suppression of
-- that address stood there, committed. Both sides hold the lock of the contact until they commit, so one of them is first.
create table chaos_begin (message_id uuid not null, at timestamptz not null, after_stop boolean not null);
create function chaos_watch() returns trigger language plpgsql as $$ begin
    insert into chaos_begin (message_id, at, after_stop)
    values (new.message_id, clock_timestamp(),
        exists (select from suppression s where s.email_hash = new.email_hash));
    return null;
end $$;
create trigger chaos_watch after update on message for each row when (old.state = 1 and new.state = 2)
    execute function chaos_watch();
