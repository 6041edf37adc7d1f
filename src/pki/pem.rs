//! Text to PEM blocks and back. Own, because a file that cannot be used must be told apart from ten others: empty,
//! binary, encrypted, cut off. What is in a block is not looked at here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Error;

/// One `-----BEGIN label-----` block.
pub(super) struct Block {
    pub(super) label: String,
    /// Its bytes; none when a header says that it is encrypted (RFC 1421, `openssl rsa -traditional -aes256`).
    pub(super) der: Option<Zeroizing<Vec<u8>>>,
}

/// All blocks of a text, at least one. Text around them and Windows line ends are accepted, as OpenSSL and Go do.
pub(super) fn blocks(what: &str, text: &str) -> Result<Vec<Block>, Error> {
    let mut blocks = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut body = Zeroizing::new(String::with_capacity(text.len()));
        let mut encrypted = false;
        loop {
            match lines.next() {
                None => return Err(malformed(what, "it ends inside a PEM block")),
                Some(line) if line == end => break,
                Some(line) if line.contains(':') => encrypted |= line.contains("ENCRYPTED"),
                Some(line) => body.push_str(line.trim()),
            }
        }
        let der = if encrypted {
            None
        } else {
            let decoded = STANDARD.decode(body.as_bytes());
            Some(Zeroizing::new(decoded.map_err(|_| malformed(what, "a PEM block is not base64"))?))
        };
        blocks.push(Block { label: label.to_owned(), der });
    }
    match blocks.is_empty() {
        false => Ok(blocks),
        true if text.trim().is_empty() => Err(Error::Empty { what: what.to_owned() }),
        true => Err(malformed(what, "it has no PEM block")),
    }
}

/// The block as text, 64 characters a line.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// What kinds of blocks there are, for a message: labels come from outside, so they are escaped and cut.
pub(super) fn found(blocks: &[Block]) -> String {
    let labels: Vec<String> = blocks
        .iter()
        .take(3)
        .map(|block| block.label.chars().take(40).flat_map(char::escape_debug).collect())
        .collect();
    format!("it holds {}", labels.join(", "))
}

fn malformed(what: &str, problem: &str) -> Error {
    Error::Malformed { what: what.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_survives_text_around_it_and_windows_line_ends() {
        let block = encode("CERTIFICATE", &[7; 100]);
        let dressed = format!("\u{feff}Subject: CN=x\r\n{}trailing\r\n", block.replace('\n', "\r\n"));
        let read = blocks("`x`", &dressed).unwrap();
        assert_eq!((read.len(), read[0].label.as_str()), (1, "CERTIFICATE"));
        assert_eq!(read[0].der.as_ref().unwrap().as_slice(), &[7; 100]);
    }

    #[test]
    fn a_text_that_is_not_pem_says_why() {
        let why = |text: &str| blocks("`x`", text).err().unwrap().to_string();
        assert_eq!(why(" \n"), "`x` is empty");
        assert_eq!(why("hello"), "`x` cannot be read: it has no PEM block");
        assert_eq!(why("-----BEGIN A-----\nAAAA\n"), "`x` cannot be read: it ends inside a PEM block");
        assert_eq!(why("-----BEGIN A-----\n!!\n-----END A-----"), "`x` cannot be read: a PEM block is not base64");
    }

    #[test]
    fn a_header_that_says_encrypted_is_believed() {
        let text = "-----BEGIN K-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END K-----\n";
        assert!(blocks("`x`", text).unwrap()[0].der.is_none());
    }
}
