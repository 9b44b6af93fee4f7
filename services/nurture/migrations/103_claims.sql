-- Claims that may be over soon: the senders ask for the next one whenever they look.
create index message_claimed on message (lease_until) where state = 1 and lease_until is not null;
