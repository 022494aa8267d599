/**
 * How a cell reads: magics in its first lines, then a prompt, or a body in the language of the magic.
 *
 * It follows `src/cell/parse.rs`, `mention.rs` and `fill.rs`; what it gets wrong is a wrong colour, no more.
 */
import { LanguageSupport, StreamLanguage, StreamParser, StringStream, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { python } from '@codemirror/legacy-modes/mode/python';
import { shell } from '@codemirror/legacy-modes/mode/shell';
import { json } from '@codemirror/legacy-modes/mode/javascript';
import { EditorView } from '@codemirror/view';
import { Tag, tags } from '@lezer/highlight';

/** What the text that follows is read as. */
type Place = 'head' | 'prompt' | 'python' | 'shell';

interface Inner {
  parser: StreamParser<unknown>;
  state: unknown;
}

interface State {
  place: Place;
  /** The line that closes the fence we are in. */
  fence: RegExp | null;
  /** The language that reads this part, if one does. */
  inner: Inner | null;
  /** Whether the rest of this line belongs to a magic. */
  inMagic: boolean;
}

const MAGIC = /^\s*%%?[A-Za-z_][\w-]*/;
const PARAMETERS = /^(#|\/\/|%|\(\*)\s*parameters\b/i;
const FENCE = /^(`{3,}|~{3,})\s*([\w+-]*)[^`]*$/;
const VARIABLE = /^\{\{\s*[A-Za-z_]\w*(?:[.[][^{}]{0,200})?\s*\}\}/;
const FILE = /^@(?:"[^"]+"|'[^']+'|[^\s@{][^\s]*)/;
const LANGUAGES: Record<string, StreamParser<unknown>> = {
  python: python as StreamParser<unknown>,
  py: python as StreamParser<unknown>,
  bash: shell as StreamParser<unknown>,
  sh: shell as StreamParser<unknown>,
  shell: shell as StreamParser<unknown>,
  json: json as StreamParser<unknown>
};

function begin(parser: StreamParser<unknown> | undefined, unit: number): Inner | null {
  return parser ? { parser, state: parser.startState?.(unit) ?? {} } : null;
}

/** How much of a word behind an `@` looks like a file rather than a name: as `Mention::looks_like_path`. */
function fileLength(word: string): number {
  if (/^@["']/.test(word)) {
    return word.length;
  }
  const bare = word.replace(/[.,;:!?)\]}'"*_>]+$/, '');
  const isPath = !bare.includes('://') && (bare.includes('/') || /\.(?!com$)[A-Za-z]\w{0,6}$/i.test(bare));
  return isPath ? bare.length : 0;
}

/** The body below a magic that takes one. */
function bodyOf(line: string, state: State, unit: number): void {
  const [, name, args] = /^\s*%%([A-Za-z_][\w-]*)(.*)$/.exec(line) ?? [];
  const isPython = name === 'tool' ? !/--command\b/.test(args) : name === 'exec' && /^\s*py/.test(args);
  if (isPython && args.trim() !== '?') {
    state.place = 'python';
    state.inner = begin(LANGUAGES.python, unit);
  } else if (name === 'exec') {
    state.place = 'shell';
    state.inner = begin(LANGUAGES.bash, unit);
  } else if (name && ['json', 'system', 'set', 'tool'].includes(name)) {
    state.place = 'prompt';
  }
}

/** The rest of a magic's line: options and `key=` stand out, values do not. */
function argument(stream: StringStream): string | null {
  if (stream.eatSpace()) {
    return null;
  }
  if (stream.match(/^--[\w-]+/) || stream.match(/^[\w.-]+(?==)/)) {
    return 'attributeName';
  }
  stream.match(/^[^\s=]+/) || stream.next();
  return null;
}

function prompt(stream: StringStream, state: State, unit: number): string | null {
  if (stream.sol()) {
    const opened = FENCE.exec(stream.string.trimStart());
    if (opened) {
      stream.skipToEnd();
      state.fence = new RegExp(`^\\s*${opened[1][0]}{${opened[1].length},}\\s*$`);
      state.inner = begin(LANGUAGES[opened[2].toLowerCase()], unit);
      return 'meta';
    }
    if (stream.match(/^#{1,6} .*/)) {
      return 'heading';
    }
  }
  const before = stream.string.charAt(stream.pos - 1);
  if (before !== '\\' && stream.match(VARIABLE)) {
    return 'claudeVariable';
  }
  if (stream.sol() || /\s/.test(before)) {
    const length = fileLength(FILE.exec(stream.string.slice(stream.pos))?.[0] ?? '');
    if (length > 0) {
      stream.pos += length;
      return 'claudeFile';
    }
  }
  if (stream.match(/^(`+)[^`]+\1(?!`)/)) {
    return 'monospace';
  }
  stream.next();
  stream.match(/^[^\s\\{`@]+/) || stream.eatSpace();
  return null;
}

/** Reads the next token with the language that this part is in. */
function delegate(stream: StringStream, inner: Inner): string | null {
  return inner.parser.token(stream, inner.state);
}

const parser: StreamParser<State> = {
  name: 'claude',
  startState: () => ({ place: 'head', fence: null, inner: null, inMagic: false }),
  copyState: state => ({ ...state, inner: state.inner && { ...state.inner, state: copyOf(state.inner) } }),
  blankLine(state, unit) {
    state.inMagic = false;
    state.inner?.parser.blankLine?.(state.inner.state, unit);
  },
  token(stream, state) {
    const unit = stream.indentUnit;
    if (stream.sol()) {
      state.inMagic = false;
      if (state.place === 'head' && stream.match(/^\s+$/)) {
        return null;
      }
      if (state.place === 'head' && PARAMETERS.test(stream.string)) {
        state.place = 'python';
        state.inner = begin(LANGUAGES.python, unit);
      } else if (state.place === 'head' && stream.match(MAGIC)) {
        state.inMagic = true;
        bodyOf(stream.string, state, unit);
        return 'claudeMagic';
      } else if (state.place === 'head') {
        state.place = 'prompt';
      }
      if (state.fence?.test(stream.string)) {
        state.fence = null;
        state.inner = null;
        stream.skipToEnd();
        return 'meta';
      }
    }
    if (state.inMagic) {
      return argument(stream);
    }
    if (state.inner) {
      return delegate(stream, state.inner);
    }
    if (state.fence) {
      stream.skipToEnd();
      return null;
    }
    return prompt(stream, state, unit);
  },
  indent(state, textAfter, context) {
    return state.inner?.parser.indent?.(state.inner.state, textAfter, context) ?? null;
  },
  languageData: { closeBrackets: { brackets: ['(', '[', '{', '`'] } },
  tokenTable: {}
};

function copyOf(inner: Inner): unknown {
  if (inner.parser.copyState) {
    return inner.parser.copyState(inner.state);
  }
  const copied: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(inner.state as object)) {
    copied[name] = Array.isArray(value) ? value.slice() : value;
  }
  return copied;
}

// Each falls back to the colour that the editor's theme has for its parent.
const magic = Tag.define('claudeMagic', tags.keyword);
const variable = Tag.define('claudeVariable', tags.labelName);
const file = Tag.define('claudeFile', tags.link);
parser.tokenTable = { claudeMagic: magic, claudeVariable: variable, claudeFile: file };

const classes = HighlightStyle.define([
  { tag: magic, class: 'ck-magic' },
  { tag: variable, class: 'ck-variable' },
  { tag: file, class: 'ck-file' }
]);

/** The language of a cell. Prompts are sentences: every editor of this language wraps its lines. */
export function claude(): LanguageSupport {
  return new LanguageSupport(StreamLanguage.define(parser), [syntaxHighlighting(classes), EditorView.lineWrapping]);
}
