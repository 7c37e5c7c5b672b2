// Laying out a statement; loaded when it is first asked for.
import { formatDialect, postgresql } from 'sql-formatter';

export const formatSql = (text) => formatDialect(text, { dialect: postgresql, keywordCase: 'upper', tabWidth: 2, expressionWidth: 60, linesBetweenQueries: 1 });
