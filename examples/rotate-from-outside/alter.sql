-- For psql, as an administrator. The password is read from a file: neither a command line nor the environment shows it.
\set ON_ERROR_STOP on
\set password `cat "$WORK/password"`
\set role `echo "$ROLE"`
SELECT length(:'password') < 20 AS missing \gset
\if :missing
  DO $$ BEGIN RAISE 'there is no password in the file'; END $$;
\endif
ALTER ROLE :"role" PASSWORD :'password';
