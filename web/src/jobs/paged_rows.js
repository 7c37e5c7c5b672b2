// A job's rows, which may be many: fetched a page after the other by their tokens as far as one looks, then kept as the bytes they came in.
import { getRows } from '../api.js';

const PAGE = 100_000;
const NOT_YET = '…';

export class PagedRows {
  columns = null;
  problem = null;
  #pages = [];
  #next = ''; // the next page's token; null after the last
  #busy = false;
  #wanted = 0;

  // `total` is what the job says; `onChange` is called when rows have come.
  constructor(id, total, onChange) {
    this.path = `/api/v1/jobs/${encodeURIComponent(id)}/result?format=compact&max_results=${PAGE}`;
    this.count = total;
    this.onChange = onChange;
  }

  get fetched() {
    return this.#pages.reduce((sum, page) => sum + page.count, 0);
  }
  get isWhole() {
    return this.#next === null;
  }

  async fetchTo(row) {
    this.#wanted = Math.max(this.#wanted, row);
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#next !== null && this.fetched <= this.#wanted) {
        const answer = await getRows(`${this.path}${this.#next ? `&page_token=${this.#next}` : ''}`);
        this.columns = answer.columns;
        if (answer.rows.count) this.#pages.push(answer.rows);
        this.#next = answer.page_token ?? null;
        if (this.#next === null) this.count = this.fetched;
        this.onChange();
      }
    } catch (problem) {
      this.problem = problem;
      this.onChange();
    }
    this.#busy = false;
  }

  // The page of a row: all but the last have the same number of rows.
  #find(row) {
    const page = this.#pages[Math.floor(row / PAGE)];
    return page && row % PAGE < page.count ? page : null;
  }
  at(row) {
    const page = this.#find(row);
    if (page) return page.at(row % PAGE);
    if (!this.problem) this.fetchTo(row);
    return this.columns.map(() => NOT_YET);
  }
  cell(row, column) {
    return this.#find(row).cell(row % PAGE, column);
  }
}
