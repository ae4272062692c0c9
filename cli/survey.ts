import fs from 'node:fs';
import { UserError } from '../src/base/errors.ts';
import { printable, printableJson } from '../src/inspect/printable.ts';
import { diffSurveys } from '../src/inspect/survey/diff.ts';
import { surveyHtml } from '../src/inspect/survey/html.ts';
import { type Survey, takeSurvey } from '../src/inspect/survey/survey.ts';
import { type Command, type Output, stringOption, UsageError } from './command.ts';
import { createStyle } from './style.ts';
import { diffLines, surveyLines } from './survey-lines.ts';
import { wrapText } from './wrap-text.ts';

export const command: Command = {
  options: {
    json: { type: 'boolean' },
    output: { type: 'string', short: 'o' },
    html: { type: 'boolean' },
    diff: { type: 'string' },
    all: { type: 'boolean', short: 'a' },
  },
  help: `
What is this host? Reads it once, changes nothing, needs no cluster and no root (and says what it could not see):
distribution, kernel, init, virtualisation; the services by process tree, each with package, unit, ports, configuration,
logs, data, user, memory; who talks to whom; scheduled jobs; and what is unusual.

  -a, --all              every service with all details; else those that listen or use the most
      --json, -o json    for programs; docs/json.md has the schema
      --html             one page, readable offline
      --diff OLD.json    what has changed since that survey (with --json: for programs)

examples:
  vitrine survey
  vitrine survey --json > before.json; apt upgrade; vitrine survey --diff before.json
  vitrine survey --html > host.html`,
  run: async ({ name, args, values, out, ...rest }) => {
    if (args.length > 0) throw new UsageError(`unexpected argument "${args[0]}"`);
    const invocation = { name, args, values, out, ...rest };
    const output = stringOption(invocation, 'output');
    if (output !== undefined && output !== 'json') throw new UsageError(`--output "${output}": must be json`);
    const json = values.json === true || output === 'json';
    const oldFile = stringOption(invocation, 'diff');
    // Before the work, as a wrong name should fail at once.
    const old = oldFile === undefined ? undefined : readSurvey(oldFile);
    const survey = await takeSurvey();
    if (old) showDiff(old, survey, out, json);
    else if (json) out.line(printableJson(survey));
    else if (values.html) out.line(surveyHtml(survey).trimEnd());
    else show(surveyLines(survey, createStyle(out.colour), values.all === true), out);
    return 0;
  },
};

function readSurvey(file: string): Survey {
  let survey: Survey;
  try {
    survey = JSON.parse(fs.readFileSync(file, 'utf8')) as Survey;
  } catch (error) {
    throw new UserError(`cannot read the survey ${file}`, { cause: error, hint: 'vitrine survey --json writes one' });
  }
  if (survey?.schema !== 'vitrine/survey/v1')
    throw new UserError(`${file} is not a survey`, { hint: `its schema is ${printable(String(survey?.schema))}` });
  return survey;
}

function showDiff(old: Survey, now: Survey, out: Output, json: boolean): void {
  const diff = diffSurveys(old, now);
  if (json) out.line(printableJson(diff));
  else show(diffLines(diff, createStyle(out.colour)), out);
}

function show(lines: string[], out: Output): void {
  for (const line of lines)
    for (const part of out.columns && !out.colour ? wrapText(line, out.columns, 6) : [line]) out.line(part);
}
