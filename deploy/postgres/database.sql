-- The one database of a deployment, run once (and harmlessly again) by a superuser on the maintenance database:
--   psql -v ON_ERROR_STOP=1 -d postgres -f deploy/postgres/database.sql
-- Nobody may connect but the roles that deploy/postgres/service.sql makes.
select 'create database leadflow' where not exists (select from pg_database where datname = 'leadflow') \gexec

revoke connect, temporary on database leadflow from public;
revoke connect, temporary on database postgres from public;
revoke connect on database template1 from public;
