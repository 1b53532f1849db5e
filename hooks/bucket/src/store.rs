//! The S3 API, as far as buckets need it; path-style addresses, as every compatible store takes them.
//!
//! The host signs each request (`sign = "sigv4"`). Facts are those of the Amazon S3 API Reference (2006-03-01).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_hook::{Failure, Request, Response, Result, encode};
use md5::{Digest, Md5};
use roxmltree::Node;

use crate::config::{Config, Mark, US_EAST_1};
use crate::xml;

/// The tag that holds the mark.
const TAG: &str = "groundcrew";

/// The most objects that one request deletes, by S3's rule.
pub(crate) const PAGE_MAX: usize = 1_000;

/// The store.
pub(crate) struct Store {
    pub(crate) config: Config,
    endpoint: String,
}

/// A bucket that is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) mark: Option<String>,
    /// The tags of others, which stay when ours is put on.
    others: Vec<(String, String)>,
}

/// One version of an object, or a delete marker. Without versions the id is `null`, or none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    key: String,
    id: Option<String>,
}

impl Version {
    fn of(node: Node<'_, '_>) -> Self {
        let id = Some(xml::text(node, "VersionId")).filter(|id| !id.is_empty());
        Self { key: xml::text(node, "Key"), id }
    }
}

impl Store {
    /// The stanza's store. Nothing is sent.
    pub(crate) fn open() -> Result<Self> {
        let config: Config = groundcrew_hook::config()?;
        let endpoint = config.endpoint.trim_end_matches('/').to_owned();
        Ok(Self { config, endpoint })
    }

    /// Where buckets are, as outputs tell it.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn url(&self, bucket: &str) -> String {
        format!("{}/{}", self.endpoint, encode(bucket))
    }

    /// Looks at one bucket. Somebody else's is a failure: no store says whether it is there.
    pub(crate) fn look(&self, name: &str) -> Result<Option<Bucket>> {
        let about = match self.config.mark {
            Mark::Tag => "tagging",
            Mark::None => "location",
        };
        let response = Request::get(format!("{}?{about}", self.url(name))).send()?;
        match (response.status, xml::code(&response).as_str()) {
            (404, "NoSuchBucket") => Ok(None),
            (404, "NoSuchTagSet") => Ok(Some(Bucket::default())),
            (200, _) => Bucket::of(&response).map(Some),
            _ => Err(failure(name, &response)),
        }
    }

    /// Makes a bucket, then marks it: no store takes both in one request.
    pub(crate) fn create(&self, name: &str, mark: &str) -> Result<Bucket> {
        let region = self.config.region.as_str();
        let request = Request::put(self.url(name));
        let request = if region == US_EAST_1 || region == "auto" {
            request
        } else {
            let body = format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
                xml::escaped(region)
            );
            request.header("content-type", "application/xml").bytes(body)
        };
        succeeded(name, &request.send()?)?;
        match self.config.mark {
            Mark::Tag => self.tag(name, Bucket::default(), mark),
            Mark::None => Ok(Bucket::default()),
        }
    }

    /// Marks a bucket whose creation did not come to that.
    pub(crate) fn mark(&self, name: &str, mark: &str) -> Result<Bucket> {
        let gone = || Failure::passing(format!("bucket {name} is not there any more"));
        let bucket = self.look(name)?.ok_or_else(gone)?;
        match &bucket.mark {
            Some(other) if other != mark => {
                Err(Failure::passing(format!("bucket {name} was marked as another's meanwhile")))
            }
            _ => self.tag(name, bucket, mark),
        }
    }

    /// Writes the whole set of tags, as S3 wants it.
    fn tag(&self, name: &str, bucket: Bucket, mark: &str) -> Result<Bucket> {
        let tag = |key: &str, value: &str| {
            format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", xml::escaped(key), xml::escaped(value))
        };
        let others: String = bucket.others.iter().map(|(key, value)| tag(key, value)).collect();
        let body = format!(
            "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>{others}{}</TagSet></Tagging>",
            tag(TAG, mark)
        );
        let request = Request::put(format!("{}?tagging", self.url(name)));
        succeeded(name, &with_digest(request, body).send()?)?;
        Ok(Bucket { mark: Some(mark.to_owned()), ..bucket })
    }

    /// Deletes a bucket that is empty; fine if it is gone.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let response = Request::delete(self.url(name)).send()?;
        match xml::code(&response).as_str() {
            "NoSuchBucket" => Ok(()),
            // Somebody wrote to it since it was listed: looked at again, not forced.
            "BucketNotEmpty" => Err(Failure::passing(format!("bucket {name} is not empty any more"))),
            _ => succeeded(name, &response),
        }
    }

    /// What lies in a bucket: the first page, versions and delete markers included. None: there is no bucket.
    pub(crate) fn contents(&self, name: &str) -> Result<Option<Vec<Version>>> {
        let page = PAGE_MAX.to_string();
        let list =
            |how: &str| Request::get(format!("{}?{how}", self.url(name))).query("max-keys", &page).send();
        let response = list("versions")?;
        // Stores without versions may not know the question (Cloudflare R2: 501).
        let response = if response.status == 501 { list("list-type=2")? } else { response };
        if xml::code(&response) == "NoSuchBucket" {
            return Ok(None);
        }
        succeeded(name, &response)?;
        let listed = ["Version", "DeleteMarker", "Contents"];
        let versions = xml::read(&response, |root| -> Vec<_> {
            listed.into_iter().flat_map(|name| xml::all(root, name)).map(Version::of).collect()
        });
        versions.map(Some)
    }

    /// Deletes these, for good.
    pub(crate) fn erase(&self, name: &str, versions: &[Version]) -> Result<()> {
        let object = |version: &Version| {
            let id = version.id.as_ref();
            let id = id.map(|id| format!("<VersionId>{}</VersionId>", xml::escaped(id))).unwrap_or_default();
            format!("<Object><Key>{}</Key>{id}</Object>", xml::escaped(&version.key))
        };
        let objects: String = versions.iter().map(object).collect();
        let body = format!(
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>{objects}</Delete>"
        );
        let request = Request::post(format!("{}?delete", self.url(name)));
        let response = with_digest(request, body).send()?;
        succeeded(name, &response)?;
        // It answers 200 also where some could not be deleted: locked, or denied.
        let refused = xml::read(&response, |root| {
            let error = xml::all(root, "Error").next();
            error
                .map(|error| (xml::text(error, "Key"), xml::text(error, "Code"), xml::text(error, "Message")))
        })?;
        refused.map_or(Ok(()), |(key, code, words)| {
            Err(Failure::lasting(format!("bucket {name}: object `{key}` stays: {code}: {words}")))
        })
    }

    /// The names of all buckets of the account that begin with the prefix.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let response = Request::get(format!("{}/", self.endpoint)).send()?.success()?;
        let mut names = xml::read(&response, |root| -> Vec<_> {
            xml::all(root, "Bucket").map(|bucket| xml::text(bucket, "Name")).collect()
        })?;
        names.retain(|name| name.starts_with(&self.config.prefix));
        names.sort();
        Ok(names)
    }
}

impl Bucket {
    /// By its tags.
    fn of(response: &Response) -> Result<Self> {
        let tags: Vec<_> = xml::read(response, |root| {
            xml::all(root, "Tag").map(|tag| (xml::text(tag, "Key"), xml::text(tag, "Value"))).collect()
        })?;
        let (ours, others): (Vec<_>, Vec<_>) = tags.into_iter().partition(|(key, _)| key == TAG);
        Ok(Self { mark: ours.into_iter().next().map(|(_, mark)| mark), others })
    }
}

/// Some stores want the digest that S3 once wanted of these bodies.
fn with_digest(request: Request, body: String) -> Request {
    let digest = STANDARD.encode(Md5::digest(&body));
    request.header("content-type", "application/xml").header("content-md5", digest).bytes(body)
}

fn succeeded(name: &str, response: &Response) -> Result<()> {
    if response.is_success() { Ok(()) } else { Err(failure(name, response)) }
}

fn failure(name: &str, response: &Response) -> Failure {
    let about = match xml::code(response).as_str() {
        "AccessDenied" => format!("bucket {name} (of another account, or not for this key)"),
        "BucketAlreadyExists" => format!("bucket {name} (the name is taken, in another account)"),
        _ => format!("bucket {name}"),
    };
    response.failure().context(about)
}
