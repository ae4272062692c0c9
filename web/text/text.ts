import { signal } from '@preact/signals';
import { en, type TextKey } from './en.ts';
import { ko } from './ko.ts';

export type Language = 'en' | 'ko';

const tables: Record<Language, Record<TextKey, string>> = { en, ko };

export const language = signal<Language>(chooseLanguage());

/** A text in the language of the page, its {places} filled. */
export function t(key: TextKey, places: Record<string, string | number> = {}): string {
  return tables[language.value][key].replace(/\{(\w+)\}/g, (_, place: string) => String(places[place] ?? ''));
}

/** The word for a kind of object; kinds without one are their own word. */
export function kindWord(kind: string): string {
  return kind in en ? t(kind as TextKey) : kind;
}

export function setLanguage(next: Language): void {
  language.value = next;
  document.documentElement.lang = next;
  localStorage.setItem('language', next);
}

function chooseLanguage(): Language {
  const chosen = localStorage.getItem('language') ?? navigator.language.slice(0, 2);
  const next = chosen === 'ko' ? 'ko' : 'en';
  document.documentElement.lang = next;
  return next;
}
