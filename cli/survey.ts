import fs from 'node:fs';
import { UserError } from '../src/base/errors.ts';
import { printable } from '../src/inspect/printable.ts';
import { diffSurveys, hasChanges } from '../src/inspect/survey/diff.ts';
import { surveyHtml } from '../src/inspect/survey/html.ts';
import { knowledgeFiles, readKnowledge } from '../src/inspect/survey/services/own.ts';
import { type Survey, takeSurvey } from '../src/inspect/survey/survey.ts';
import {
  type Command,
  type Invocation,
  listOption,
  type Output,
  positiveOption,
  stringOption,
  UsageError,
  wantsJson,
} from './command.ts';
import { createStyle } from './style.ts';
import { diffLines, surveyLines } from './survey-lines.ts';
import { showJson, watchOptions } from './watch-view.ts';
import { wrapText } from './wrap-text.ts';

export const command: Command = {
  options: {
    json: { type: 'boolean' },
    output: { type: 'string', short: 'o' },
    html: { type: 'boolean' },
    diff: { type: 'string' },
    services: { type: 'string', multiple: true },
    all: { type: 'boolean', short: 'a' },
    ...watchOptions,
    watch: { type: 'boolean', short: 'w' },
  },
  help: `
What is this host? Reads it once, changes nothing, needs no cluster and no root (and says what it could not see):
distribution, kernel, init, virtualisation; the services by process tree, each with package, unit, ports, configuration,
logs, data, user, memory; who talks to whom; scheduled jobs; and what is unusual.

  -a, --all              every service with all details; else those that listen or use the most
      --json, -o json    for programs; docs/json.md has the schema
      --html             one page, readable offline
      --diff OLD.json    what has changed since that survey (with --json: for programs)
      --services FILE    what is known of your own services: a YAML list, each with name, and as needed title, role,
                         programs, command (an expression), config, logs, data. /etc/vitrine/services.yaml and
                         ~/.config/vitrine/services.yaml are read always
  -w, --watch            then what changes, as it is found, looking every 10 seconds (-d SECONDS) until ^C

examples:
  vitrine survey
  vitrine survey --json > before.json; apt upgrade; vitrine survey --diff before.json
  vitrine survey --html > host.html`,
  run: async ({ name, args, values, out, ...rest }) => {
    if (args.length > 0) throw new UsageError(`unexpected argument "${args[0]}"`);
    const invocation = { name, args, values, out, ...rest };
    const json = wantsJson(invocation) || values.json === true;
    const oldFile = stringOption(invocation, 'diff');
    const intervalMs = positiveOption(invocation, 'interval', 10) * 1000;
    // Before the work, as a wrong name should fail at once.
    const old = oldFile === undefined ? undefined : readSurvey(oldFile);
    const services = readKnowledge([...knowledgeFiles(), ...listOption(invocation, 'services')]);
    let survey = await takeSurvey({ services });
    if (old) showDiff(old, survey, invocation, json);
    else if (json) showJson(invocation, out, survey);
    else if (values.html) out.line(surveyHtml(survey).trimEnd());
    else show(surveyLines(survey, createStyle(out.colour), values.all === true), out);
    while (values.watch) {
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
      const now = await takeSurvey({ services });
      if (hasChanges(diffSurveys(survey, now))) showDiff(survey, now, invocation, json);
      survey = now;
    }
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

function showDiff(old: Survey, now: Survey, invocation: Invocation, json: boolean): void {
  const { out } = invocation;
  const diff = diffSurveys(old, now);
  if (json) showJson(invocation, out, diff);
  else show(diffLines(diff, createStyle(out.colour)), out);
}

function show(lines: string[], out: Output): void {
  for (const line of lines) for (const part of out.columns ? wrapText(line, out.columns, 6) : [line]) out.line(part);
}
