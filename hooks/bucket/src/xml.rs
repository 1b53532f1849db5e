//! The little XML that S3 speaks.

use groundcrew_hook::{Failure, Response, Result};
use roxmltree::{Document, Node};

/// Reads an answer's body.
pub(crate) fn read<T>(response: &Response, take: impl FnOnce(Node<'_, '_>) -> T) -> Result<T> {
    let text = response.text();
    let wrong = |e| Failure::passing(format!("status {} with an unreadable body: {e}", response.status));
    Ok(take(Document::parse(&text).map_err(wrong)?.root_element()))
}

/// The text of the first child of this name; empty if there is none.
pub(crate) fn text(node: Node<'_, '_>, name: &str) -> String {
    let child = node.children().find(|child| child.tag_name().name() == name);
    child.and_then(|child| child.text()).unwrap_or_default().to_owned()
}

/// The elements of this name, however deep.
pub(crate) fn all<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

/// The code of an error, such as `NoSuchBucket`; empty where the answer has none.
pub(crate) fn code(response: &Response) -> String {
    read(response, |root| text(root, "Code")).unwrap_or_default()
}

/// Text as it stands between tags.
pub(crate) fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\t' | '\n' | '\r' => format!("&#{};", u32::from(c)),
        plain => plain.to_string(),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_through_tags_and_back() {
        let body = format!("<Error><Code>{}</Code></Error>", escaped("a<b>&\r\n\"c\""));
        let response = Response { body: body.into_bytes(), ..Response::default() };
        assert_eq!(code(&response), "a<b>&\r\n\"c\"");
        assert_eq!(code(&Response::default()), "");
    }
}
