//! The file that is followed, where it is read on, and what took its place.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncSeekExt, SeekFrom};

use super::super::keeper::{Origin, Place, Position};
use super::lines::Lines;

/// A file, and which it is.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    pub(super) origin: Origin,
    length: u64,
}

impl Opened {
    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path).await?;
        let metadata = file.metadata().await?;
        let path = std::path::absolute(path)?.display().to_string();
        let origin = Origin { path, inode: Some(metadata.ino()) };
        Ok(Self { file, origin, length: metadata.len() })
    }

    /// The file at a path, if it is no longer the one of which `read` bytes were read, or is shorter than that.
    ///
    /// None while nothing is there: who renames a file makes the next one a moment later.
    pub(super) async fn instead(path: &Path, of: &Origin, read: u64) -> io::Result<Option<Self>> {
        let metadata = match tokio::fs::metadata(path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        if Some(metadata.ino()) == of.inode && metadata.len() >= read {
            return Ok(None);
        }
        match Self::open(path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Where it is read on: where it was left, if it is what was read and is as long as that; else at its beginning.
    pub(super) fn position(&self, place: &Place) -> Position {
        let same = place.origin.as_ref().is_none_or(|read| *read == self.origin);
        if same && place.position.offset <= self.length {
            return place.position;
        }
        let read = place.origin.as_ref().map(|read| read.path.as_str());
        tracing::warn!(
            path = self.origin.path,
            read,
            "it is not the file that was read, and is read from its beginning"
        );
        Position::default()
    }

    pub(super) async fn lines(mut self, position: Position) -> io::Result<Lines<File>> {
        self.file.seek(SeekFrom::Start(position.offset)).await?;
        Ok(Lines::new(self.file, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_file_that_was_read_is_read_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let opened = Opened::open(&path).await.unwrap();
        let left = Position { offset: 10, line: 2 };
        let place = |position, origin| Place { position, origin };
        let same = opened.origin.clone();
        let moved = Origin { path: "/elsewhere".to_owned(), ..same.clone() };
        let replaced = Origin { inode: same.inode.map(|inode| inode + 1), ..same.clone() };
        let stdin = Origin { path: "-".to_owned(), inode: None };
        for (origin, expected) in [
            (Some(same.clone()), left),
            (None, left),
            (Some(moved), Position::default()),
            (Some(replaced), Position::default()),
            (Some(stdin), Position::default()),
        ] {
            assert_eq!(opened.position(&place(left, origin.clone())), expected, "{origin:?}");
        }
        let longer = Position { offset: 11, line: 2 };
        assert_eq!(opened.position(&place(longer, Some(same))), Position::default());
    }

    #[tokio::test]
    async fn what_is_at_the_path_takes_the_place_once_it_is_another_or_shorter() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("a"), dir.path().join("a.1"));
        std::fs::write(&path, "0123456789").unwrap();
        let origin = Opened::open(&path).await.unwrap().origin;
        let next = async |read| Opened::instead(&path, &origin, read).await.unwrap().map(|next| next.origin);
        assert_eq!(next(9).await, None, "it grew");
        assert_eq!(next(10).await, None);
        assert_eq!(next(11).await, Some(origin.clone()), "it was cut off");
        std::fs::rename(&path, &old).unwrap();
        assert_eq!(next(10).await, None, "nothing is there");
        std::fs::write(&path, "0123456789").unwrap();
        let other = next(10).await.expect("another file");
        assert_eq!(other.path, origin.path);
        assert_ne!(other.inode, origin.inode);
    }
}
