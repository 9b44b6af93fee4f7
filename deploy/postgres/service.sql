-- One service's role and schema, both of its name, run for each stateful service (and harmlessly again) by a superuser
-- on the database leadflow. The password comes from the environment, so that no process list shows it:
--   SERVICE_PASSWORD=... psql -v ON_ERROR_STOP=1 -v service=qualification -d leadflow -f deploy/postgres/service.sql
-- A role reaches its own schema and no other; its tables come from the service's migrations, which it runs itself.
\getenv service_password SERVICE_PASSWORD
set client_min_messages = warning;

select format('create role %I', :'service')
where not exists (select from pg_roles where rolname = :'service') \gexec
alter role :"service" with login nosuperuser nocreatedb nocreaterole noinherit password :'service_password';
alter role :"service" set search_path = :"service";

revoke all on schema public from public;
create schema if not exists :"service" authorization :"service";
revoke all on schema :"service" from public;
grant connect, temporary on database leadflow to :"service";
