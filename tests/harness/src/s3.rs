//! A store of objects in process, as far as `builtin:bucket` speaks to it: buckets, their tags, what is in them.
//!
//! Facts are those of the Amazon S3 API Reference (2006-03-01): listings show at once what was written, a bucket is
//! made and tagged by two requests, making one's own bucket again is 200 in us-east-1, one that is not empty is not
//! deleted (409), and a listing of versions has pages. The end-to-end tests play the hook against moto.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundcrew::prove::clock::Clock;
use groundcrew_engine::egress::Request;
use groundcrew_outside::{By, Effect, Fault, Purpose, Reply, Response, What};
use serde_json::Value;

/// Where it is, for hooks.
pub const AT: &str = "http://s3.example";

/// What every name of a bucket of ours begins with; the app's name follows.
pub const PREFIX: &str = "acme-";

/// Objects in one page of a listing.
const PAGE: usize = 2;

/// The tag that holds a mark.
const TAG: &str = "groundcrew";

/// The store; a clone is the same one.
#[derive(Clone, Debug)]
pub struct S3 {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    faults: Vec<Planned>,
    /// Requests that take effect later, by when.
    late: Vec<(i64, Asked)>,
    log: Vec<Effect>,
    erased: Vec<Erased>,
}

#[derive(Debug, Default)]
struct Bucket {
    tags: Vec<(String, String)>,
    objects: BTreeSet<String>,
}

/// An object that a request made go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// When, in milliseconds of the clock.
    pub at: i64,
    /// Out of which bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

/// A fault that is to meet one request.
#[derive(Debug)]
struct Planned {
    op: Op,
    fault: Fault,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// All buckets of the account.
    Buckets,
    /// A bucket's tags.
    Tags,
    /// A page of what is in a bucket.
    Versions,
    /// That a bucket be there.
    Create,
    /// That a bucket have these tags and no others.
    Tag,
    /// That a bucket be gone.
    Delete,
    /// That objects be gone.
    Erase,
}

/// A request, understood.
#[derive(Clone, Debug)]
struct Asked {
    op: Op,
    bucket: String,
    body: String,
}

/// What somebody else does there.
#[derive(Clone, Debug)]
pub enum Act {
    /// Makes a bucket.
    Make(&'static str),
    /// Puts an object into a bucket.
    Put(&'static str, &'static str),
    /// Lets a fault meet the next request of this kind.
    Fault(Op, Fault),
}

impl S3 {
    /// An empty one.
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), state: Arc::default() }
    }

    /// Lets something happen.
    pub fn perform(&self, act: &Act) {
        let (now, mut state) = (self.clock.millis(), self.now());
        match *act {
            Act::Make(name) => {
                state.buckets.insert(name.to_owned(), Bucket::default());
                state.note(now, By::Stranger, name, What::Created);
            }
            Act::Put(bucket, object) => {
                // A bucket that a blow kept from being there takes nothing.
                if let Some(bucket) = state.buckets.get_mut(bucket) {
                    bucket.objects.insert(object.to_owned());
                }
            }
            Act::Fault(op, fault) => state.faults.push(Planned { op, fault }),
        }
    }

    /// Answers a request; none: it is for somebody else.
    pub fn answer(&self, request: &Request) -> Option<Reply> {
        let target = request.url.strip_prefix(AT)?;
        let asked = Asked::read(&request.method, target, &request.body);
        let (now, mut state) = (self.clock.millis(), self.now());
        let planned = state.faults.iter().position(|planned| planned.op == asked.op);
        let fault = planned.map(|at| state.faults.remove(at).fault);
        Some(match fault {
            None => Reply::Answer(state.act(now, &asked)),
            Some(Fault::NeverArrived) => Reply::Lost,
            Some(Fault::Refused(status)) => Reply::Answer(error(status, "InternalError")),
            Some(Fault::Late(by)) => {
                state.late.push((now + by, asked));
                Reply::Answer(error(504, "GatewayTimeout"))
            }
            Some(fault) => {
                let answer = state.act(now, &asked);
                match fault {
                    Fault::Timeout => Reply::Answer(error(504, "GatewayTimeout")),
                    Fault::Garbled => Reply::Answer(Response { body: b"<?xml vers".to_vec(), ..answer }),
                    Fault::Held => Reply::Held(answer),
                    _ => Reply::Lost,
                }
            }
        })
    }

    /// Everything that took effect, in order.
    pub fn log(&self) -> Vec<Effect> {
        self.now().log.clone()
    }

    /// How many objects are in each bucket.
    pub fn objects(&self) -> BTreeMap<String, usize> {
        self.now().buckets.iter().map(|(name, bucket)| (name.clone(), bucket.objects.len())).collect()
    }

    /// Every object that a request made go, in order.
    pub fn erased(&self) -> Vec<Erased> {
        self.now().erased.clone()
    }

    /// The state, with everything done that is due.
    fn now(&self) -> MutexGuard<'_, State> {
        let now = self.clock.millis();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (due, late) = std::mem::take(&mut state.late).into_iter().partition(|(at, _)| *at <= now);
        state.late = late;
        let due: Vec<(i64, Asked)> = due;
        for (at, asked) in due {
            drop(state.act(at, &asked));
        }
        state
    }
}

impl Asked {
    /// # Panics
    /// If a hook asks for what this store does not know.
    fn read(method: &str, target: &str, body: &[u8]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let bucket = path.trim_matches('/').to_owned();
        let about = query.split('&').next().unwrap_or_default();
        let op = match (method, about) {
            ("GET", "") if bucket.is_empty() => Op::Buckets,
            ("GET", "tagging") => Op::Tags,
            ("GET", "versions") => Op::Versions,
            ("PUT", "") => Op::Create,
            ("PUT", "tagging") => Op::Tag,
            ("DELETE", "") => Op::Delete,
            ("POST", "delete") => Op::Erase,
            _ => panic!("the store of objects in process does not know {method} {target}"),
        };
        Self { op, bucket, body: String::from_utf8_lossy(body).into_owned() }
    }
}

impl State {
    fn act(&mut self, now: i64, asked: &Asked) -> Response {
        let Asked { op, bucket: name, body } = asked;
        match op {
            Op::Buckets => return listing(self.buckets.keys()),
            Op::Create => {
                if !self.buckets.contains_key(name) {
                    self.buckets.insert(name.clone(), Bucket::default());
                    self.note(now, By::Caller, name, What::Created);
                }
                return answer(200, String::new());
            }
            _ => {}
        }
        let Some(bucket) = self.buckets.get_mut(name) else { return error(404, "NoSuchBucket") };
        match op {
            Op::Tags if bucket.tags.is_empty() => error(404, "NoSuchTagSet"),
            Op::Tags => answer(200, tagging(&bucket.tags)),
            Op::Versions => answer(200, versions(&bucket.objects)),
            Op::Tag => {
                let tags: Vec<_> = texts(body, "Key").into_iter().zip(texts(body, "Value")).collect();
                // What is written as it was already is no change.
                if std::mem::replace(&mut bucket.tags, tags.clone()) != tags {
                    self.note(now, By::Caller, name, What::Updated);
                }
                answer(200, String::new())
            }
            Op::Erase => {
                for key in texts(body, "Key") {
                    if bucket.objects.remove(&key) {
                        self.erased.push(Erased { at: now, bucket: name.clone(), key });
                    }
                }
                answer(200, "<DeleteResult/>".to_owned())
            }
            Op::Delete if !bucket.objects.is_empty() => error(409, "BucketNotEmpty"),
            Op::Delete => {
                self.note(now, By::Caller, name, What::Deleted);
                self.buckets.remove(name);
                answer(204, String::new())
            }
            Op::Buckets | Op::Create => unreachable!("invariant: answered above"),
        }
    }

    /// Whom a bucket is for nothing says but its name, as scenarios write it.
    fn note(&mut self, at: i64, by: By, name: &str, what: What) {
        let app = name.strip_prefix(PREFIX).unwrap_or(name);
        let purpose = (by == By::Caller).then(|| Purpose::new(format!("fly/acme/{app}"), key(name)));
        let tags = self.buckets.get(name).map(|bucket| bucket.tags.as_slice()).unwrap_or_default();
        let mark = tags.iter().find(|(tag, _)| tag == TAG).map(|(_, mark)| mark.clone());
        let (collection, id) = (AT.to_owned(), name.to_owned());
        let (name, body) = (Some(name.to_owned()), Value::Null);
        self.log.push(Effect { at, collection, id, what, by, purpose, name, mark, body });
    }
}

/// The key of a bucket's row, with its kind.
fn key(name: &str) -> String {
    format!("bucket/{name}")
}

fn answer(status: u16, body: String) -> Response {
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Response { status, headers, body: body.into_bytes() }
}

fn error(status: u16, code: &str) -> Response {
    answer(status, format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

fn listing<'a>(names: impl Iterator<Item = &'a String>) -> Response {
    let mut buckets = String::new();
    for name in names {
        write!(buckets, "<Bucket><Name>{name}</Name></Bucket>").expect("invariant: a string takes all");
    }
    answer(200, format!("<ListAllMyBucketsResult><Buckets>{buckets}</Buckets></ListAllMyBucketsResult>"))
}

fn tagging(tags: &[(String, String)]) -> String {
    let tag = |(key, value): &(String, String)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    format!("<Tagging><TagSet>{}</TagSet></Tagging>", tags.iter().map(tag).collect::<String>())
}

fn versions(objects: &BTreeSet<String>) -> String {
    let one = |key: &String| format!("<Version><Key>{key}</Key><VersionId>null</VersionId></Version>");
    let page: String = objects.iter().take(PAGE).map(one).collect();
    let more = objects.len() > PAGE;
    format!("<ListVersionsResult><IsTruncated>{more}</IsTruncated>{page}</ListVersionsResult>")
}

/// What stands between the tags of this name, one after the other; bodies are the hook's own, without attributes there.
fn texts(body: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let after = body.split(&open).skip(1);
    after.filter_map(|rest| rest.split_once(&close)).map(|(text, _)| text.to_owned()).collect()
}
