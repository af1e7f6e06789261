//! Reading messages, a second time and another way: the judge must not share the mistakes of the
//! one who is judged. Slow, plain, and strict about what the gateway may write.

/// A head in plain text.
#[derive(Debug, Clone)]
pub struct Head {
    /// The request line or the status line.
    pub start: String,
    /// Field lines in order.
    pub fields: Vec<(String, String)>,
}

impl Head {
    fn read(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "a head that is no text")?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        for line in lines {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("no field: {line:?}"))?;
            let token =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !token || text.contains('\0') || value.contains(['\r', '\n']) {
                return Err(format!("no field: {line:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { start, fields })
    }

    /// The values of all fields of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The value of the only field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.field(name)?.parse().ok()
    }

    /// Whether a list field has that member.
    pub fn lists(&self, name: &str, member: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|m| m.trim().eq_ignore_ascii_case(member))
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// How far the content reaches by what the head says alone.
    ///
    /// # Errors
    /// When it says more than one thing, or nothing clear.
    pub fn framing(&self, otherwise: Framing) -> Result<Framing, String> {
        let lengths: Vec<_> = self.all("content-length").collect();
        let codings: Vec<_> = self.all("transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(otherwise),
            ([length], []) => length.parse().map(Framing::Length).map_err(|e| e.to_string()),
            ([], ["chunked"]) => Ok(Framing::Chunked),
            (lengths, codings) => Err(format!("framed by {lengths:?} and {codings:?}")),
        }
    }
}

/// How far content reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Length(usize),
    /// To the last chunk.
    Chunked,
    /// To the end of the connection.
    UntilClose,
}

/// A message that has been read, wholly or as far as it came.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its head.
    pub head: Head,
    /// How it was framed.
    pub framing: Framing,
    /// Its content.
    pub content: Vec<u8>,
}

/// Takes messages off a stream of bytes.
#[derive(Debug, Default)]
pub struct Reader {
    raw: Vec<u8>,
    at: usize,
    partial: Option<Message>,
}

impl Reader {
    /// More bytes have come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.raw.drain(..std::mem::take(&mut self.at));
        self.raw.extend_from_slice(bytes);
    }

    /// Whether a message has begun and not ended.
    pub fn is_inside(&self) -> bool {
        self.partial.is_some() || self.at < self.raw.len()
    }

    /// The message whose content is arriving.
    pub fn partial(&self) -> Option<&Message> {
        self.partial.as_ref()
    }

    /// What has come and belongs to no message yet; none of it is left.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.raw.split_off(self.at);
        (self.raw, self.at) = (Vec::new(), 0);
        rest
    }

    /// The next head, when it is whole; `framing` says what follows it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn head(
        &mut self,
        framing: impl FnOnce(&Head) -> Result<Framing, String>,
    ) -> Result<Option<&Head>, String> {
        if self.partial.is_some() {
            return Ok(None);
        }
        let rest = &self.raw[self.at..];
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = Head::read(&rest[..end])?;
        let framing = framing(&head)?;
        self.at += end + 4;
        self.partial = Some(Message { head, framing, content: Vec::new() });
        Ok(self.partial.as_ref().map(|message| &message.head))
    }

    /// The message whose head was given last, when it is whole. `ended`: nothing more will come.
    ///
    /// # Errors
    /// What is wrong with its chunks.
    pub fn message(&mut self, ended: bool) -> Result<Option<Message>, String> {
        let Some(message) = &mut self.partial else { return Ok(None) };
        let complete = match message.framing {
            Framing::Length(length) => {
                let wanted = length - message.content.len();
                let taken = wanted.min(self.raw.len() - self.at);
                message.content.extend_from_slice(&self.raw[self.at..self.at + taken]);
                self.at += taken;
                taken == wanted
            }
            Framing::UntilClose => {
                message.content.extend_from_slice(&self.raw[self.at..]);
                self.at = self.raw.len();
                ended
            }
            Framing::Chunked => read_chunks(&self.raw, &mut self.at, &mut message.content)?,
        };
        Ok(if complete { self.partial.take() } else { None })
    }
}

/// Takes whole chunks; `true` after the last one and its trailer section.
fn read_chunks(raw: &[u8], at: &mut usize, content: &mut Vec<u8>) -> Result<bool, String> {
    loop {
        let rest = &raw[*at..];
        let Some(line_end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return if rest.len() > 300 { Err("an endless chunk size".into()) } else { Ok(false) };
        };
        let line = String::from_utf8_lossy(&rest[..line_end]).into_owned();
        let digits = line.split(';').next().unwrap_or_default();
        let size =
            usize::from_str_radix(digits, 16).map_err(|_| format!("no chunk size: {line:?}"))?;
        let after = line_end + 2;
        if size == 0 {
            let trailer = &rest[after..];
            let end = if trailer.starts_with(b"\r\n") {
                2
            } else {
                match trailer.windows(4).position(|four| four == b"\r\n\r\n") {
                    Some(end) => end + 4,
                    None => return Ok(false),
                }
            };
            *at += after + end;
            return Ok(true);
        }
        let Some(chunk) = rest.get(after..after + size + 2) else { return Ok(false) };
        let Some(bytes) = chunk.strip_suffix(b"\r\n") else {
            return Err("a chunk without its end".into());
        };
        content.extend_from_slice(bytes);
        *at += after + size + 2;
    }
}
