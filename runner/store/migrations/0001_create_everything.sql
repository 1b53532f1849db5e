-- Times are milliseconds since the Unix epoch, UTC. One writer thread owns every INSERT, UPDATE and DELETE;
-- readers hold read-only connections.

-- store: installation id and the like
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- sources: mirror of the platform; version grows with every visible change of the subject
CREATE TABLE subject (
  id      INTEGER PRIMARY KEY,
  path    TEXT NOT NULL,               -- fly/org/app[/machine]
  uid     TEXT NOT NULL,               -- platform id of this incarnation
  parent  INTEGER REFERENCES subject,  -- machine -> app incarnation
  state   TEXT NOT NULL,
  version INTEGER NOT NULL,
  labels  TEXT NOT NULL,               -- the platform's labels, JSON
  raw     TEXT NOT NULL,               -- what the mirror keeps of it, JSON
  seen_at INTEGER NOT NULL,
  gone_at INTEGER
) STRICT;
CREATE UNIQUE INDEX subject_uid    ON subject(uid);                         -- moved or renamed: path changes, version goes on
CREATE UNIQUE INDEX subject_living ON subject(path) WHERE gone_at IS NULL;  -- one living incarnation per address
CREATE INDEX        subject_parent ON subject(parent);                      -- members of an app

-- label sources: last value of each, by path, so that a re-created app keeps what an operator said of it
CREATE TABLE label (
  path TEXT NOT NULL, source TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, next_at INTEGER,
  PRIMARY KEY (path, source)
) STRICT, WITHOUT ROWID;

-- sources: how far each has come; written in the transaction of what it brought
CREATE TABLE cursor (source TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- sources: the inbox. eid is deterministic: a duplicate is a no-op insert
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, eid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  subject INTEGER REFERENCES subject, snapshot TEXT, at INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX event_subject ON event(subject, seq);  -- what happened to it

-- configuration loader: one row per hook name ever seen
CREATE TABLE hook (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, component TEXT NOT NULL, target TEXT NOT NULL,
  stanza TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('active','detached','removed'))
) STRICT;

-- operators: a lower level laid over; NULL = all; the lowest wins, unpause deletes the row
CREATE TABLE pause (
  id INTEGER PRIMARY KEY, hook INTEGER, subject INTEGER, level TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;

-- inbox + settle: what is owed to a handler
CREATE TABLE delivery (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, seq INTEGER NOT NULL REFERENCES event(seq),
  state TEXT NOT NULL CHECK (state IN ('pending','dead')),
  attempts INTEGER NOT NULL DEFAULT 0, error TEXT,
  PRIMARY KEY (hook, subject, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_head ON delivery(hook, subject, seq) WHERE state = 'pending';  -- lane head, past the dead
CREATE INDEX delivery_dead ON delivery(hook, seq) WHERE state = 'dead';              -- dead list
CREATE INDEX delivery_seq  ON delivery(seq);                                         -- pruning of events

-- dispatcher: the unit of claiming. One row per (hook, owner) with work; the primary key = never two at once.
-- handlers: head of delivery. provisioners: dirty > done means `look again`. due_at is the only due time there is.
CREATE TABLE lane (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL,  -- subject 0: foreign events without one
  due_at INTEGER,                                   -- NULL: idle
  dirty INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
  view_hash TEXT,                                   -- memo: component, settings and view of the last `desired`
  settings TEXT,                                    -- component and settings alone: what changed, if the hash did
  attempts INTEGER NOT NULL DEFAULT 0, error TEXT,
  PRIMARY KEY (hook, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_due ON lane(due_at) WHERE due_at IS NOT NULL;  -- claim

-- settle: every finished or broken run; its id is what the commands show
CREATE TABLE run (
  id INTEGER PRIMARY KEY, hook INTEGER NOT NULL, subject INTEGER, seq INTEGER, resource INTEGER,
  op TEXT NOT NULL, component TEXT NOT NULL, seed BLOB NOT NULL, schedule TEXT,
  started INTEGER NOT NULL, ended INTEGER, outcome TEXT, log TEXT
) STRICT;
CREATE INDEX run_hook     ON run(hook, id);                                   -- runs --hook
CREATE INDEX run_subject  ON run(subject, id);                                -- runs --app
CREATE INDEX run_resource ON run(resource, id) WHERE resource IS NOT NULL;    -- why; repairs in the last hour
CREATE INDEX run_open     ON run(id) WHERE ended IS NULL;                     -- recovery

-- gate: call n of a run. A write has a row before it leaves (answer NULL); reads come with the next write or
-- with the outcome.
CREATE TABLE call (
  run INTEGER NOT NULL, n INTEGER NOT NULL, op TEXT NOT NULL, access TEXT NOT NULL, print TEXT NOT NULL,
  ask BLOB NOT NULL, answer BLOB, sent_at INTEGER NOT NULL, back_at INTEGER,
  PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

-- provisioner driver: the last answer of `desired`, per owner
CREATE TABLE want (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  inside TEXT NOT NULL,  -- as in resource
  body TEXT NOT NULL, after TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (hook, subject, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX want_key ON want(target, kind, key, inside, since);  -- who wants it, oldest first

-- provisioner driver: whose outputs were in the view that this lane's rows were made from. An entry that the
-- current view no longer holds stays until every row of the lane has followed it.
CREATE TABLE reads (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, resource INTEGER NOT NULL, current INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (hook, subject, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX reads_resource ON reads(resource);  -- who reads it

-- provisioner driver: the ledger. Never pruned while not gone. (hook, owner) is the lane that works on it.
CREATE TABLE resource (
  id INTEGER PRIMARY KEY,
  row TEXT NOT NULL UNIQUE,                      -- 26 of [a-z0-9]; name, once and mark derive from it
  hook INTEGER NOT NULL, owner INTEGER NOT NULL REFERENCES subject,
  target TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  inside TEXT NOT NULL,                          -- '' for what lives outside, else the id of the owner it dies with
  class TEXT NOT NULL,                           -- its kind's class when it was made
  origin TEXT NOT NULL CHECK (origin IN ('created','presumed','adopted','imported')),
  state TEXT NOT NULL CHECK (state IN ('creating','in-doubt','pending','present','updating','deleting','retained','gone')),
  after TEXT NOT NULL DEFAULT '[]',              -- kind/key of what comes before it, and goes after it
  spec TEXT NOT NULL,                            -- body of the write under way, or of the last that succeeded
  thing TEXT,                                    -- the thing's own id
  observed TEXT, mark TEXT, note TEXT, outputs TEXT NOT NULL DEFAULT '[]',
  before TEXT NOT NULL DEFAULT '[]',             -- pre-image of the creation; kept, for twins
  intended_at INTEGER,                           -- commit of the creation's intent
  made_by INTEGER, removed_by INTEGER,           -- until when our last create or update / remove may take effect
  absent_at INTEGER,                             -- first of the two looks that *missing* needs
  poll_at INTEGER, look_at INTEGER,
  component TEXT NOT NULL, stanza TEXT NOT NULL, -- what made it
  protected INTEGER NOT NULL DEFAULT 0,
  unwanted_at INTEGER, unwanted_why TEXT, frozen_at INTEGER, frozen_why TEXT, frozen_ms INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0, error TEXT, waiting TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  wanted_at INTEGER NOT NULL, made_at INTEGER, delete_at INTEGER, gone_at INTEGER, gone_how TEXT
) STRICT;
CREATE UNIQUE INDEX resource_key   ON resource(target, kind, key, inside) WHERE state <> 'gone';
CREATE UNIQUE INDEX resource_thing ON resource(target, kind, thing) WHERE thing IS NOT NULL AND state <> 'gone';  -- nobody claims a thing twice
CREATE INDEX        resource_lane  ON resource(hook, owner, due_at) WHERE state <> 'gone';                       -- a lane's rows
CREATE INDEX        resource_leave ON resource(hook, unwanted_at) WHERE unwanted_at IS NOT NULL AND state <> 'gone';  -- due set
CREATE INDEX        resource_cut   ON resource(hook, delete_at) WHERE delete_at IS NOT NULL;                     -- due set: deletes of the last window
CREATE INDEX        resource_doubt ON resource(target, kind, inside) WHERE state = 'in-doubt';                   -- one anonymous create a listing

-- operators: what may be destroyed, row by row as it then was; void after `until`
CREATE TABLE approval (
  resource INTEGER NOT NULL, spec TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (resource, spec)
) STRICT, WITHOUT ROWID;

-- handlers: small memory, durable with the run's success
CREATE TABLE kv (
  hook INTEGER NOT NULL, subject INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (hook, subject, key)
) STRICT, WITHOUT ROWID;

-- the runner's own findings; open until what they say is no longer so
CREATE TABLE finding (
  code TEXT NOT NULL, about TEXT NOT NULL, hook INTEGER, severity TEXT NOT NULL, message TEXT NOT NULL,
  remedy TEXT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, closed_at INTEGER,
  PRIMARY KEY (code, about)
) STRICT, WITHOUT ROWID;

-- every command of a person, with who and what; append only
CREATE TABLE operator_act (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL) STRICT;
