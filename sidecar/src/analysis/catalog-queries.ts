/** What is asked of the server's catalog, PostgreSQL 13 to 18. Every name is qualified: the session has no search path. */

export const columnsQuery = `
  SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.attnotnull,
         CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
  ORDER BY a.attrelid, a.attnum`

export const parentsQuery = 'SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits'

export const relationsQuery = `
  SELECT c.oid, n.nspname, c.relname, c.relkind,
         CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
              THEN pg_catalog.pg_get_viewdef(c.oid) END,
         EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND n.nspname !~ '^pg_(toast|temp)'`

export const triggersQuery = `
  SELECT t.tgrelid, t.tgname, n.nspname || '.' || p.proname, t.tgtype,
         pg_catalog.array_to_json(ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a
           WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr::smallint[])))
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'`

export const functionsQuery = `
  SELECT n.nspname, p.proname, p.pronargs - p.pronargdefaults,
         CASE WHEN p.provariadic <> 0 THEN -1 ELSE p.pronargs END, p.provolatile, p.prokind,
         p.proargtypes::text, p.prorettype,
         CASE WHEN p.proargmodes IS NOT NULL THEN (
           SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.proargnames[i], p.proallargtypes[i]::bigint) ORDER BY i)
           FROM pg_catalog.generate_subscripts(p.proargmodes, 1) i WHERE p.proargmodes[i] IN ('o', 'b', 't')) END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace`

export const typesQuery = `
  SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype,
         CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.typrelid,
         COALESCE((SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid), 0),
         t.typinput::oid >= 16384,
         CASE WHEN t.typtype = 'd' THEN (
           SELECT pg_catalog.json_agg(pg_catalog.pg_get_expr(k.conbin, 0))
           FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') END
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname !~ '^pg_(toast|temp)'`

export const operatorsQuery = `
  SELECT o.oprname, n.nspname, o.oprleft, o.oprright, o.oprresult, fn.nspname || '.' || f.proname
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
  JOIN pg_catalog.pg_proc f ON f.oid = o.oprcode
  JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace
  WHERE n.nspname <> 'pg_catalog'`

export const castsQuery = `
  SELECT k.castsource, k.casttarget, k.castcontext,
         (SELECT n.nspname || '.' || f.proname FROM pg_catalog.pg_proc f
          JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace WHERE f.oid = k.castfunc AND f.oid >= 16384)
  FROM pg_catalog.pg_cast k WHERE k.castcontext = 'i' OR k.castfunc >= 16384`

export const schemasQuery = 'SELECT nspname FROM pg_catalog.pg_namespace'

export const foreignKeysQuery = `
  SELECT rn.nspname || '.' || r.relname, fn.nspname || '.' || f.relname, k.confdeltype, k.confupdtype,
         pg_catalog.array_to_json(ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a
           WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)))
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
  JOIN pg_catalog.pg_class f ON f.oid = k.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
  WHERE k.contype = 'f'`
