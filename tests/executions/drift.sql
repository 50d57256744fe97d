-- An object of each kind that replication does not carry, to be changed during a run. Beside warehouse.sql.

create schema "Drift";
grant usage on schema "Drift" to "Besitzer";
alter default privileges in schema "Drift" grant select on tables to "Besitzer";

create type "Drift".farbe as enum ('rot', 'grün');
create domain "Drift".anteil as numeric check (value <= 1);
create type "Drift".ort as (x int, y int);
create type "Drift".spanne as range (subtype = numeric);

create table "Drift".haupt (
    id int primary key,
    told text default 'nichts',
    amount numeric(10, 2),
    farbe "Drift".farbe,
    anteil "Drift".anteil
);
create table "Drift".neben (id int primary key, haupt int references "Drift".haupt, told text collate "C");
create index neben_told on "Drift".neben (told) where told is not null;
create statistics "Drift".beides on id, haupt from "Drift".neben;
create table "Drift".teile (id int not null, told text) partition by range (id);
create table "Drift"."teile 1" partition of "Drift".teile for values from (0) to (10);
create table "Drift"."teile 2" partition of "Drift".teile for values from (10) to (20);
alter table "Drift".teile add primary key (id);

create view "Drift".sicht as select id, told from "Drift".haupt;
create view "Drift".sicht_darauf as select s.id, n.told from "Drift".sicht s join "Drift".neben n on n.haupt = s.id;
create materialized view "Drift".gesehen as select count(*) from "Drift".haupt;
create rule keine as on delete to "Drift".sicht do instead nothing;
create sequence "Drift".zaehler;

create function "Drift".doppelt(n int, variadic mehr int[] default '{}') returns int language sql immutable as 'select 2 * n';
create function "Drift".doppelt(n numeric) returns numeric language sql as 'select 2 * n';
create function "Drift".fort() returns int language sql as 'select 1';
create procedure "Drift".tu() language plpgsql as 'begin end';
create aggregate "Drift".summe(int) (sfunc = int4pl, stype = int, initcond = '0');
create function "Drift".melde() returns trigger language plpgsql as 'begin return new; end';
create trigger melde before update on "Drift".haupt for each row execute function "Drift".melde();
create trigger melde_neben before update on "Drift".neben for each row execute function "Drift".melde();
alter table "Drift".neben enable row level security;
create policy alle on "Drift".neben using (true);

create text search configuration "Drift".worte (copy = pg_catalog.simple);
create publication fremde for table "Drift".haupt;
comment on table "Drift".haupt is 'it''s "haupt"';
select lo_create(4711);
