//! Lines out of bytes, each with its number and the place after it.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::super::keeper::Position;

/// The longest line, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from one.
    pub(super) number: u64,
    /// Its text; none: it is too long, or no UTF-8.
    pub(super) text: Result<String, &'static str>,
    /// The place after it.
    pub(super) end: Position,
}

/// Reads lines from something that may still grow.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    position: Position,
    /// Bytes of a line that is too long, already dropped.
    dropped: u64,
    /// Lines that were handed out and came back.
    back: Vec<Line>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) const fn new(from: R, position: Position) -> Self {
        Self { from, buffer: Vec::new(), position, dropped: 0, back: Vec::new() }
    }

    /// The next lines, at most `most`; none: there are no more for now.
    ///
    /// A last line without its line feed counts once it is a whole JSON object: an object shows its own end.
    ///
    /// # Cancel safety
    /// What was read stays here.
    pub(super) async fn next(&mut self, most: usize) -> std::io::Result<Vec<Line>> {
        if !self.back.is_empty() {
            return Ok(std::mem::take(&mut self.back));
        }
        loop {
            let lines = self.cut(most);
            if !lines.is_empty() {
                return Ok(lines);
            }
            self.buffer.reserve(CHUNK);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(self.rest().into_iter().collect());
            }
        }
    }

    /// Bytes that were read, from the first on.
    pub(super) const fn read(&self) -> u64 {
        self.position.offset + self.dropped + self.buffer.len() as u64
    }

    /// Takes back the lines of the last batch, which nobody took in; they are the next.
    pub(super) fn put_back(&mut self, batch: Vec<Line>) {
        self.back = batch;
    }

    /// Whatever is left when nothing will follow.
    pub(super) fn finish(&mut self) -> Option<Line> {
        let bytes = std::mem::take(&mut self.buffer);
        let length = bytes.len() as u64;
        (length + self.dropped > 0).then(|| self.line(bytes, length))
    }

    fn cut(&mut self, most: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut begin = 0;
        while lines.len() < most
            && let Some(length) = self.buffer[begin..].iter().position(|byte| *byte == b'\n')
        {
            let line = self.buffer[begin..begin + length].to_vec();
            begin += length + 1;
            lines.push(self.line(line, length as u64 + 1));
        }
        self.buffer.drain(..begin);
        if lines.is_empty() && self.buffer.len() > LINE_MAX {
            self.dropped += self.buffer.len() as u64;
            self.buffer.clear();
        }
        lines
    }

    fn rest(&mut self) -> Option<Line> {
        let whole = self.dropped == 0
            && serde_json::from_slice::<serde_json::Value>(&self.buffer).is_ok_and(|value| value.is_object());
        let bytes = whole.then(|| std::mem::take(&mut self.buffer))?;
        let length = bytes.len() as u64;
        Some(self.line(bytes, length))
    }

    fn line(&mut self, bytes: Vec<u8>, length: u64) -> Line {
        let too_long = self.dropped > 0 || bytes.len() > LINE_MAX;
        let text = match String::from_utf8(bytes) {
            _ if too_long => Err("it is longer than 1 MiB"),
            Ok(text) => Ok(text),
            Err(_) => Err("it is no UTF-8"),
        };
        self.position.offset += std::mem::take(&mut self.dropped) + length;
        self.position.line += 1;
        Line { number: self.position.line, text, end: self.position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], from: Position) -> Vec<Line> {
        let mut lines = Lines::new(bytes, from);
        let mut found = Vec::new();
        loop {
            let more = lines.next(2).await.unwrap();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    #[tokio::test]
    async fn lines_know_their_number_and_place() {
        let lines = all(b"a\n\nb\n{\"c\":1}", Position { offset: 10, line: 3 }).await;
        let seen: Vec<_> =
            lines.iter().map(|line| (line.number, line.text.clone().unwrap(), line.end.offset)).collect();
        let expected = [(4, "a", 12), (5, "", 13), (6, "b", 15), (7, "{\"c\":1}", 22)];
        assert_eq!(seen, expected.map(|(number, text, end)| (number, text.to_owned(), end)));
    }

    #[tokio::test]
    async fn what_came_back_is_next() {
        let mut lines = Lines::new(&b"a\nb\nc\n"[..], Position::default());
        let batch = lines.next(2).await.unwrap();
        lines.put_back(batch.clone());
        assert_eq!(lines.next(2).await.unwrap(), batch);
        let numbers = lines.next(2).await.unwrap().into_iter().map(|line| line.number);
        assert_eq!(numbers.collect::<Vec<_>>(), [3], "once");
    }

    #[tokio::test]
    async fn what_waits_for_its_end_was_read() {
        let mut lines = Lines::new(&b"a\n{\"b\""[..], Position { offset: 10, line: 3 });
        assert_eq!(lines.next(2).await.unwrap().len(), 1);
        assert!(lines.next(2).await.unwrap().is_empty());
        assert_eq!(lines.read(), 16);
    }

    #[tokio::test]
    async fn half_a_line_waits_and_one_too_long_is_passed_over() {
        assert!(all(b"{\"c\":", Position::default()).await.is_empty());
        let long = [vec![b'x'; 3 * LINE_MAX], b"\nnext\n\xff\n".to_vec()].concat();
        let lines = all(&long, Position::default()).await;
        assert_eq!(lines[0].text, Err("it is longer than 1 MiB"));
        assert_eq!(lines[1].text, Ok("next".to_owned()));
        assert_eq!(lines[2].text, Err("it is no UTF-8"));
        assert_eq!(lines[2].end.offset, long.len() as u64);
    }
}
