-- Expressions of these tables that the target's apply evaluates, and for which the result may differ from the
-- application's: those that call a function or an operator of the database's own, and checks that call one that is not immutable.
-- Apply has an empty search_path, a later clock and none of the application's settings; since 16 it is the table's owner (worker.c).
-- Apply evaluates checks, those of domains by the input of a value, expressions and predicates of indexes, stored generated
-- columns and bounds of a partition. It does not evaluate defaults, since all columns are published, nor columns computed on read.
-- Where a key of a GiST index is a range, also that of an exclusion constraint or of a key without overlaps, it calls the type's
-- subtype_diff as soon as the index has more than one page (rangetypes_gist.c), whoever may execute it.
-- Only a superuser can create operator classes, and a range's canonical function in another language than C calls itself without
-- end, so both come with extensions.
-- A tree of nodes names each function by its oid; built-in functions are not in pg_depend.
-- Where: source, each database. Privilege: none. Locks: ACCESS SHARE on the tables that are returned, briefly. Changes nothing.
-- Parameter $1: oids. Returns for each: the table's oid and quoted name; the role that applies, quoted, and whether we may
-- become it and read the table as it; a description for people, and the statement that drops a check; the expression over the
-- table's columns, for a domain its input, and over a null for when there is no row; whether it must be true of each row; whether it
-- calls a function that is not immutable; whether, by its text and that of the functions that it calls, it reads the clock,
-- may have another result when the clock is later, or reads the current user; the functions that the applying role may not execute,
-- those whose search_path can be set, with their schemas, and of these the strict ones, which are not called for a null.
with recursive
carried as (select c.oid, c.relname, c.relnamespace, c.relowner, c.relispartition
              from unnest($1::oid[]) t (oid) join pg_catalog.pg_class c on c.oid = t.oid),
-- Domains with the types that they are made of, and ranges.
made_of as (
  select t.oid as type, t.oid as part from pg_catalog.pg_type t where t.typtype in ('d', 'r', 'm')
  union all
  select m.type, t.typbasetype from made_of m join pg_catalog.pg_type t on t.oid = m.part and t.typtype = 'd'),
-- Keys that are ranges, with the function that tells how far apart two bounds are. In the index, a multirange is an anyrange.
spread as (
  select i.indrelid, i.indexrelid, r.rngsubdiff, k.attnum, pg_catalog.pg_get_indexdef(i.indexrelid, k.attnum, false) as key
    from carried c join pg_catalog.pg_index i on i.indrelid = c.oid and i.indislive
    join pg_catalog.pg_class x on x.oid = i.indexrelid join pg_catalog.pg_am g on g.oid = x.relam and g.amname = 'gist'
    join pg_catalog.pg_attribute k on k.attrelid = x.oid and k.attnum <= i.indnkeyatts
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[k.attnum - 1]
    join made_of m on m.type = coalesce(a.atttypid, k.atttypid)
    join pg_catalog.pg_range r on m.part in (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid) and r.rngsubdiff <> 0),
tree as (
  select 1 as kind, k.conrelid as relid, k.oid as id, k.conbin::pg_catalog.text as nodes
    from carried c join pg_catalog.pg_constraint k on k.conrelid = c.oid
   where k.contype = 'c'
  union all
  select 2, i.indrelid, i.indexrelid, pg_catalog.concat(i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text)
    from carried c join pg_catalog.pg_index i on i.indrelid = c.oid
   where i.indislive and (i.indexprs is not null or i.indpred is not null)
  union all
  select 3, d.adrelid, d.oid, d.adbin::pg_catalog.text
    from carried c join pg_catalog.pg_attrdef d on d.adrelid = c.oid
    join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum and a.attgenerated = 's'
  union all
  select 4, c.oid, p.partrelid, p.partexprs::pg_catalog.text
    from carried c cross join pg_catalog.pg_partition_ancestors(c.oid) a (relid)
    join pg_catalog.pg_partitioned_table p on p.partrelid = a.relid and p.partexprs is not null
   where c.relispartition
  union all
  select 5, 0::pg_catalog.oid, k.oid, k.conbin::pg_catalog.text from pg_catalog.pg_constraint k where k.contypid <> 0 and k.contype = 'c'),
call as materialized (
  select t.kind, t.relid, t.id, m[1]::pg_catalog.oid as func
    from tree t cross join pg_catalog.regexp_matches(t.nodes, ':(?:op)?funcid (\d+)', 'g') m
  union all
  -- A conversion to a domain evaluates the checks of all domains that it is made of.
  select t.kind, t.relid, t.id, m[1]::pg_catalog.oid
    from tree t cross join pg_catalog.regexp_matches(t.nodes, ':resulttype (\d+)', 'g') d
    join made_of o on o.type = d[1]::pg_catalog.oid
    join pg_catalog.pg_constraint k on k.contypid = o.part and k.contype = 'c'
    cross join pg_catalog.regexp_matches(k.conbin::pg_catalog.text, ':(?:op)?funcid (\d+)', 'g') m
  union all
  select 6, indrelid, indexrelid, rngsubdiff from spread),
own as (select c.kind, c.relid, c.id, f.oid, f.pronamespace, f.prosrc, f.proisstrict, l.lanname not in ('c', 'internal') as is_text,
               exists (select from unnest(f.proconfig) s where s like 'search\_path=%') as has_path
          from call c join pg_catalog.pg_proc f on f.oid = c.func join pg_catalog.pg_language l on l.oid = f.prolang
         where c.func >= 16384),
mutable as (select c.kind, c.relid, c.id
              from call c join pg_catalog.pg_proc f on f.oid = c.func
             where c.kind in (1, 5) and f.provolatile <> 'i'
            union
            select kind, relid, id from tree where kind in (1, 5) and nodes like '%SQLVALUEFUNCTION%'),
detail as (select kind, relid, id from own union select kind, relid, id from mutable),
-- Which types of columns have a domain in them whose check is one of these.
holds as (
  select distinct a.atttypid as type, a.atttypid as part
    from carried c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where a.atttypid >= 16384 and exists (select from detail where kind = 5)
  union
  select h.type, n.part
    from holds h join pg_catalog.pg_type t on t.oid = h.part
    cross join lateral (
      select t.typbasetype where t.typtype = 'd' union all
      select t.typelem where t.typelem <> 0 union all
      select a.atttypid from pg_catalog.pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
      union all
      select r.rngsubtype from pg_catalog.pg_range r
       where t.oid in (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid)) n (part)),
expression as (
  select t.kind, t.relid, t.id, pg_catalog.format('check %I', k.conname) as what,
         pg_catalog.format('alter table %s drop constraint %I', k.conrelid::pg_catalog.regclass, k.conname) as statement,
         pg_catalog.pg_get_expr(k.conbin, k.conrelid) as expression, k.convalidated as must_hold
    from detail t join pg_catalog.pg_constraint k on k.oid = t.id
   where t.kind = 1 and pg_catalog.to_jsonb(k) ->> 'conenforced' is distinct from 'false'
  union all
  select t.kind, t.relid, t.id, pg_catalog.format('index %I', x.relname), null,
         pg_catalog.concat_ws(', ', pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid)), false
    from detail t join pg_catalog.pg_index i on i.indexrelid = t.id join pg_catalog.pg_class x on x.oid = t.id where t.kind = 2
  union all
  select t.kind, t.relid, t.id, pg_catalog.format('generated column %I', a.attname), null, pg_catalog.pg_get_expr(d.adbin, d.adrelid), false
    from detail t join pg_catalog.pg_attrdef d on d.oid = t.id
    join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum where t.kind = 3
  union all
  select t.kind, t.relid, t.id, 'bounds of the partition', null, pg_catalog.pg_get_partition_constraintdef(t.relid), false
    from detail t where t.kind = 4
  union all
  select distinct t.kind, c.oid, t.id, pg_catalog.format('check %I of a domain in column %I', k.conname, a.attname),
         pg_catalog.format('alter domain %s drop constraint %I', k.contypid::pg_catalog.regtype, k.conname),
         pg_catalog.format('(%I::pg_catalog.text)::%s, case when %I.ctid is null then null::pg_catalog.text::%s end', a.attname,
                           pg_catalog.format_type(a.atttypid, a.atttypmod), c.relname, k.contypid::pg_catalog.regtype), false
    from detail t join pg_catalog.pg_constraint k on k.oid = t.id
    join holds h on h.part = k.contypid
    join pg_catalog.pg_attribute a on a.atttypid = h.type and a.attnum > 0 and not a.attisdropped
    join carried c on c.oid = a.attrelid
   where t.kind = 5
  union all
  -- The index compares bounds that are neither infinite nor null.
  select t.kind, t.relid, t.id, pg_catalog.format('ranges in index %I', x.relname), null,
         pg_catalog.string_agg(
           pg_catalog.format('case when %1$I.ctid is null or pg_catalog.lower(%2$s) is not null and pg_catalog.upper(%2$s) is not null '
                             'then %3$s(pg_catalog.upper(%2$s), pg_catalog.lower(%2$s)) end', c.relname, s.key, s.rngsubdiff), ', ' order by s.attnum), false
    from detail t join spread s on s.indexrelid = t.id join pg_catalog.pg_class x on x.oid = t.id join carried c on c.oid = t.relid
   where t.kind = 6 group by t.kind, t.relid, t.id, x.relname),
-- The text of an expression, and the same with that of the functions in it, without quoted names and comments.
text as (
  select e.*, t.said, pg_catalog.concat(t.said, ' ', pg_catalog.lower(pg_catalog.regexp_replace(t.called, '"[^"]*"|--[^\n]*', '', 'g'))) as whole
    from expression e
    cross join lateral (
      select pg_catalog.lower(pg_catalog.regexp_replace(
               case e.kind when 5 then (select pg_catalog.pg_get_expr(k.conbin, 0) from pg_catalog.pg_constraint k where k.oid = e.id)
                    else e.expression end, '"[^"]*"', '', 'g')) as said,
             (select pg_catalog.string_agg(o.prosrc, ' ') from own o
               where o.kind = e.kind and o.id = e.id and o.relid in (0, e.relid) and o.is_text) as called) t),
-- A clock; and what can be around it that goes on with it: casts, a time zone, an interval.
clock as (
  select w.word, pg_catalog.concat('\(*(?:timezone\s*\(''[^'']*''(?:::text)?,\s*)?', w.word, '[()]*(?:::[a-z ]+)?\)*',
                                   '(?:\s*[-+]\s*\(?(?:interval\s*)?''[^'']*''(?:::interval)?\)*)?') as term
    from (select '(?:now\s*\(\s*\)|(?:transaction|statement|clock)_timestamp\s*\(\s*\)|current_timestamp|current_date|current_time|'
                 'localtimestamp|localtime)' as word) w)
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(who.oid)) as applies_as,
       case when who.oid = me.oid then true when me.major >= 16 then pg_catalog.pg_has_role(who.oid, 'set') end
       and pg_catalog.has_schema_privilege(who.oid, n.oid, 'usage') and pg_catalog.has_table_privilege(who.oid, c.oid, 'select') as may_try,
       t.what, t.statement, t.expression, t.must_hold, t.kind in (1, 5) as is_check,
       exists (select from mutable m where (m.kind, m.id) = (t.kind, t.id)) as is_mutable,
       t.whole ~ ('\m' || k.word) as sees_clock,
       -- What is less than a clock stays so as the clock goes on.
       pg_catalog.regexp_replace(t.whole, pg_catalog.format('<=?\s*%1$s|%1$s\s*>=?', k.term), '', 'g') ~ ('\m' || k.word)
       or t.whole ~ ('\m' || k.word) and t.whole ~ '\mnot\M(?!\s+null)' as may_turn,
       pg_catalog.regexp_replace(t.said, '''[^'']*''', '', 'g') ~ (
         '\m(current_user|session_user|current_role|current_schema|user)\M|'
         '\m(current_setting|current_schemas|inet_client_\w+|pg_backend_pid|pg_has_role|has_\w+_privilege|txid_\w+|pg_current_\w+|'
         'random|nextval|currval|lastval|gen_random_uuid)\s*\(')
         as sees_who,
       (select pg_catalog.array_agg(distinct o.oid::pg_catalog.regprocedure::pg_catalog.text) from own o
         where o.kind = t.kind and o.kind <> 6 and o.id = t.id and o.relid in (0, t.relid)
           and not pg_catalog.has_function_privilege(who.oid, o.oid, 'execute')) as not_granted,
       (select pg_catalog.array_agg(distinct pg_catalog.format('%s', o.oid::pg_catalog.regprocedure)) from own o
         where o.kind = t.kind and o.id = t.id and o.relid in (0, t.relid) and not o.has_path and o.is_text) as without_path,
       (select pg_catalog.array_agg(distinct pg_catalog.format('%I', s.nspname)) from own o join pg_catalog.pg_namespace s on s.oid = o.pronamespace
         where o.kind = t.kind and o.id = t.id and o.relid in (0, t.relid) and not o.has_path and o.is_text) as schemas,
       (select pg_catalog.array_agg(distinct pg_catalog.format('%s', o.oid::pg_catalog.regprocedure)) from own o
         where o.kind = t.kind and o.id = t.id and o.relid in (0, t.relid) and not o.has_path and o.is_text and o.proisstrict) as strict
  from text t cross join clock k
  join carried c on c.oid = t.relid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join (select r.oid, pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major
                from pg_catalog.pg_roles r where r.rolname = current_user) me
  cross join lateral (select case when me.major >= 16 then c.relowner else me.oid end as oid) who
 order by c.oid, t.kind, t.what
