// Reads every .eml of a folder with mailparser and prints what it saw, one JSON line a mail, in the order of Message-IDs.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';

const folder = process.argv[2];
const links = (html) => [...html.matchAll(/<a\s[^>]*href="([^"]+)"/g)].map((match) => match[1].replaceAll('&amp;', '&'));
const inText = (text) => [...text.matchAll(/https?:\/\/[^\s<>")\]]+/g)].map((match) => match[0]);
const seen = [];
for (const name of readdirSync(folder).filter((file) => file.endsWith('.eml'))) {
  const mail = await simpleParser(readFileSync(join(folder, name)), { skipTextToHtml: true, skipImageLinks: true });
  const list = mail.headerLines.find((line) => line.key === 'list-unsubscribe');
  const post = mail.headerLines.find((line) => line.key === 'list-unsubscribe-post');
  seen.push({
    message_id: mail.messageId,
    subject: mail.subject,
    from: mail.from.value[0].address,
    to: mail.to.value[0].address,
    list_unsubscribe: list ? list.line.replace(/^[^:]+:\s*/, '').replace(/\s+/g, ' ').trim() : '',
    one_click: post ? post.line.replace(/^[^:]+:\s*/, '').trim() : '',
    html_links: [...new Set(links(mail.html || ''))].sort(),
    text_links: [...new Set(inText(mail.text || ''))].sort(),
    words: (mail.text || '').replace(/\s+/g, ' ').trim(),
  });
}
seen.sort((a, b) => (a.message_id < b.message_id ? -1 : 1));
for (const mail of seen) console.log(JSON.stringify(mail));
