/* The footer as JSON text. */
#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_file.h"

static void describe_text(StrBuf *out, const char *key, const char *text) {
    strbuf_printf(out, "\"%s\":", key);
    strbuf_append_json(out, text, strlen(text));
}

static void describe_columns(StrBuf *out, const ParquetMetadata *metadata) {
    strbuf_append_text(out, ",\"columns\":[");
    for (int i = 0; i < metadata->column_count; i++) {
        const ParquetColumn *column = &metadata->columns[i];
        char name[SQLTYPE_NAME_BYTES];
        strbuf_append_text(out, i ? ",{" : "{");
        describe_text(out, "name", column->name);
        strbuf_append_char(out, ',');
        describe_text(out, "type",
                      column->unsupported ? "unsupported" : sqltype_name(column->type, true, name));
        strbuf_printf(out, ",\"nullable\":%s,\"field_id\":%d", column->nullable ? "true" : "false",
                      column->field_id);
        if (column->unsupported) {
            strbuf_append_char(out, ',');
            describe_text(out, "unsupported", column->unsupported);
        }
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

static void describe_chunk(StrBuf *out, const ParquetChunk *chunk) {
    strbuf_printf(out,
                  "{\"physical\":\"%s\",\"codec\":\"%s\",\"values\":%lld,\"compressed_bytes\":%lld,"
                  "\"uncompressed_bytes\":%lld,\"offset_index\":%s,\"column_index\":%s,\"encodings\":[",
                  parquet_physical_name(chunk->physical), parquet_codec_name(chunk->codec),
                  (long long)chunk->value_count, (long long)chunk->compressed_bytes,
                  (long long)chunk->uncompressed_bytes, chunk->offset_index_bytes > 0 ? "true" : "false",
                  chunk->column_index_bytes > 0 ? "true" : "false");
    bool first = true;
    for (int encoding = 0; encoding < 32; encoding++) {
        if (!(chunk->encodings >> encoding & 1)) continue;
        strbuf_printf(out, "%s\"%s\"", first ? "" : ",", parquet_encoding_name(encoding));
        first = false;
    }
    strbuf_append_text(out, "]}");
}

char *parquet_file_describe(const ParquetFile *file) {
    const ParquetMetadata *metadata = &file->metadata;
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_char(&out, '{');
    describe_text(&out, "path", file->path);
    strbuf_append_char(&out, ',');
    describe_text(&out, "created_by", metadata->created_by);
    strbuf_printf(&out, ",\"version\":%d,\"rows\":%lld,\"bytes\":%lld", metadata->version,
                  (long long)metadata->row_count, (long long)file->identity.file_bytes);
    describe_columns(&out, metadata);
    strbuf_append_text(&out, ",\"metadata\":{");
    for (int i = 0; i < metadata->key_value_count; i++) {
        strbuf_append_text(&out, i ? "," : "");
        strbuf_append_json(&out, metadata->key_values[i].key, strlen(metadata->key_values[i].key));
        strbuf_append_char(&out, ':');
        strbuf_append_json(&out, metadata->key_values[i].value, strlen(metadata->key_values[i].value));
    }
    strbuf_append_text(&out, "},\"row_groups\":[");
    for (int g = 0; g < metadata->row_group_count; g++) {
        strbuf_printf(&out, "%s{\"rows\":%lld,\"chunks\":[", g ? "," : "",
                      (long long)metadata->row_groups[g].row_count);
        for (int c = 0; c < metadata->leaf_count; c++) {
            strbuf_append_text(&out, c ? "," : "");
            describe_chunk(&out, &metadata->row_groups[g].chunks[c]);
        }
        strbuf_append_text(&out, "]}");
    }
    strbuf_append_text(&out, "]}");
    return strbuf_release(&out);
}
