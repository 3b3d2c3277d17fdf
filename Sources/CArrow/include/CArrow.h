// Arrow tables in and out of files, through the Arrow C Data Interface. Every function catches what the C++ below throws;
// 0 is success and -1 is failure with `error` filled in, unless a comment says otherwise. A handle serves one thread at a time.
#ifndef CARROW_H
#define CARROW_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Arrow C Data Interface: the structures every Arrow implementation agrees on.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};
#endif

// CARROW_IPC is read in both of Arrow's formats, and written in the one of files; CARROW_IPC_STREAM is only written.
enum { CARROW_CSV = 1, CARROW_JSON_LINES = 2, CARROW_PARQUET = 3, CARROW_IPC = 4, CARROW_IPC_STREAM = 5 };
enum { CARROW_UNCOMPRESSED = 0, CARROW_GZIP = 1, CARROW_ZSTD = 2, CARROW_RAW_DEFLATE = 3 };
enum { CARROW_UTF8 = 0, CARROW_LATIN1 = 1, CARROW_WINDOWS_1252 = 2, CARROW_UTF16 = 3 };
enum {
  CARROW_BAD_DATA = 1,       // what the file holds is wrong
  CARROW_UNSUPPORTED = 2,    // correct, but not something this reads or writes
  CARROW_SYSTEM = 3,         // a system call failed: system_error is its errno
  CARROW_OUT_OF_MEMORY = 4,
  CARROW_BAD_VALUE = 5,      // a text is no value of the wanted type: `flaw` says why, `cells` is that text, `type` the type
  CARROW_LIMIT = 6,          // the file asks for more than it may: `flaw` says of what
};
enum {
  CARROW_LIMIT_COLUMNS = 1,      // columns, or keys
  CARROW_LIMIT_NESTING = 2,      // lists and structs in one another
  CARROW_LIMIT_ROW = 3,          // bytes of a row
  CARROW_LIMIT_COMPRESSION = 4,  // unpacked bytes for each compressed one
  CARROW_LIMIT_BLANK = 5,        // blank lines without a row between them
};
enum {
  CARROW_FLAW_NOT_A_NUMBER = 1,
  CARROW_FLAW_DOES_NOT_FIT = 2,
  CARROW_FLAW_NOT_A_BOOLEAN = 3,
  CARROW_FLAW_NOT_A_TIME = 4,
  CARROW_FLAW_NOT_UTF8 = 5,
  CARROW_FLAW_NESTED = 6,      // a list or an object where one value is wanted
  CARROW_FLAW_NOT_NESTED = 7,  // one value where a list or an object is wanted
  CARROW_FLAW_MIXED = 8,       // a value of another kind than those in the rows before it
};

typedef struct {
  int32_t code;
  int32_t system_error;
  int64_t row;      // counted from 1, without a CSV header; 0: not known
  int32_t column;   // index in the file's schema; -1: not known
  int32_t flaw;     // of CARROW_BAD_VALUE, or one of CARROW_LIMIT_* with CARROW_LIMIT
  int64_t missing_row;  // the first row before it, among those read with it, that has no value in the column; 0: none
  char type[16];    // an Arrow format string
  char text[1024];   // printable UTF-8, without anything that a cell of the file holds
  char cells[1024];  // what cells hold, likewise printable: the value of CARROW_BAD_VALUE, otherwise what belongs behind `text`, or nothing
} CArrowError;

typedef struct {
  int32_t format;
  int32_t compression;
  int32_t descriptor;  // a regular file, read with pread; stays open and the caller's
  char delimiter;
  char quote;  // 0: no quoting
  char decimal_point;
  char escape;  // before a quote in a quoted cell, or, without quoting, before any character; 0: none
  int32_t encoding;  // of CSV without a byte-order mark
  bool has_header;
  bool is_header_sure;  // a first row of nothing but numbers is a header too
  const char *const *null_words;  // NULL: Arrow's own list
  int32_t null_word_count;
  const char *const *column_names;  // of CSV without a header; NULL: f0, f1 ...
  int32_t column_name_count;
  int32_t block_bytes;    // of text, read at a time
  int64_t row_bytes_limit;  // a longer row of text is an error
  int64_t batch_rows;     // at most, for Parquet
  int32_t most_columns;   // a file with more is an error, and so are keys of JSON
  int32_t deepest;        // lists and structs in one another
  int64_t unpacked_freely;  // compressed text may unpack to so many bytes,
  int64_t most_ratio;       // and to more only if that is not more than so many times the compressed bytes
  int64_t most_blank;       // bytes of blank lines without a row between them
  int64_t memory_limit;   // of what Parquet and Arrow files unpack to; taken from the first file that is opened
  bool has_range;  // reads only from `range_begin` to before `range_end`: bytes of text without compression, rows of other formats
  int64_t range_begin, range_end;
  struct ArrowSchema *known;  // of a range of text: the columns of the whole file, which this does not look for; taken over
} CArrowReadOptions;

typedef struct CArrowReader CArrowReader;

int32_t carrow_reader_open(const CArrowReadOptions *options, CArrowReader **reader, CArrowError *error);
// The schema of what `next` gives. For text, of all columns with types inferred from the first block (from all of it after `survey`)
// until `select`.
int32_t carrow_reader_schema(CArrowReader *reader, struct ArrowSchema *schema, CArrowError *error);
// Whether the schema tells of the whole file: false for text that goes on behind the first block.
bool carrow_reader_is_surveyed(const CArrowReader *reader);
// Reads all of a text file for the columns that it has and what they hold, and goes back to its beginning. Before `select`.
int32_t carrow_reader_survey(CArrowReader *reader, CArrowError *error);
// Reads only these columns (indices in the file's schema), in this order. A type is an Arrow format string or NULL for the
// type as it is; only text has types to give. `~` before a type makes null words missing in text too; `@` before it keeps the
// column's lists and gives their elements the type. At most once, before the first `next`.
int32_t carrow_reader_select(CArrowReader *reader, const int32_t *columns, const char *const *types, int32_t count,
                             CArrowError *error);
// 1: a validated batch; 0: the end; -1: an error, after which the reader gives nothing more.
int32_t carrow_reader_next(CArrowReader *reader, struct ArrowArray *batch, CArrowError *error);
// Where the file can be cut into ranges of about `target_bytes` each: `places` gets `count` places, of which each two that follow each
// other enclose a range. No places: it is read in one go. The memory is the caller's to free(). After `select`.
int32_t carrow_reader_cut(CArrowReader *reader, int64_t target_bytes, int64_t **places, int64_t *count, CArrowError *error);
// Whether it is known from the start that there are no rows.
bool carrow_reader_has_no_rows(const CArrowReader *reader);
void carrow_reader_close(CArrowReader *reader);

typedef struct CArrowText CArrowText;

// The text of a CSV or JSON Lines file as it is read: unpacked, in UTF-8.
int32_t carrow_text_open(const CArrowReadOptions *options, CArrowText **text, CArrowError *error);
// Fills `buffer` with the next `count` bytes; `filled` is less at the end only.
int32_t carrow_text_read(CArrowText *text, uint8_t *buffer, int64_t count, int64_t *filled, CArrowError *error);
void carrow_text_close(CArrowText *text);

typedef struct {
  int32_t format;      // CARROW_PARQUET, CARROW_IPC or CARROW_IPC_STREAM
  int32_t descriptor;  // stays open and the caller's
  int64_t row_group_rows;
  int64_t row_group_bytes;
  const char *const *metadata;  // key, value, key, value ...
  int32_t metadata_count;       // of keys
  // Is called with what was written, piece by piece and in order; may be NULL.
  void (*appended)(void *context, const void *data, int64_t count);
  void *appended_context;
} CArrowWriteOptions;

typedef struct CArrowWriter CArrowWriter;

// Takes over `schema`, whatever happens.
int32_t carrow_writer_open(const CArrowWriteOptions *options, struct ArrowSchema *schema, CArrowWriter **writer,
                           CArrowError *error);
// Takes over `batch`, whatever happens; its buffers must stay as they are until released.
int32_t carrow_writer_write(CArrowWriter *writer, struct ArrowArray *batch, CArrowError *error);
int32_t carrow_writer_finish(CArrowWriter *writer, int64_t *byte_count, CArrowError *error);
void carrow_writer_close(CArrowWriter *writer);

// One array from `count` arrays of one type, which are taken over with `schema`, whatever happens.
int32_t carrow_concatenate(struct ArrowSchema *schema, struct ArrowArray *arrays, int32_t count, struct ArrowArray *out,
                           CArrowError *error);
// The array's values as another type, named by its Arrow format string; dictionaries are decoded first. A value that does not
// fit is an error. Takes over `schema` and `array`, whatever happens.
int32_t carrow_cast(struct ArrowSchema *schema, struct ArrowArray *array, const char *format, struct ArrowArray *out,
                    CArrowError *error);

// Takes `level_count` levels of lists of any kind apart: `levels` gets for each level an int64 array of the lists' lengths, null where
// there is no list, and `elements` the innermost elements of all rows in order. Takes over `schema` and `array`, whatever happens.
int32_t carrow_unnest(struct ArrowSchema *schema, struct ArrowArray *array, int32_t level_count, struct ArrowArray *levels,
                      struct ArrowArray *elements, CArrowError *error);

// The texts of an array (of strings, of decimals or of a dictionary of either) as values of another type, read as a CSV file's cells are.
// `error->row` counts from 1 in the array. Takes over `schema` and `array`, whatever happens.
int32_t carrow_parse(struct ArrowSchema *schema, struct ArrowArray *array, const char *format, const char *const *null_words,
                     int32_t null_word_count, struct ArrowArray *out, CArrowError *error);

typedef struct CArrowDecompressor CArrowDecompressor;

int32_t carrow_decompressor_open(int32_t compression, CArrowDecompressor **decompressor, CArrowError *error);
int32_t carrow_decompressor_step(CArrowDecompressor *decompressor, const uint8_t *input, int64_t input_count, uint8_t *output,
                                 int64_t output_count, int64_t *consumed, int64_t *produced, bool *finished,
                                 CArrowError *error);
void carrow_decompressor_close(CArrowDecompressor *decompressor);

// zlib's CRC-32 of `bytes` going on from `previous` (0 at first).
uint32_t carrow_crc32(uint32_t previous, const uint8_t *bytes, int64_t count);

const char *carrow_version(void);
// The name of Arrow's type number `id`, as its enumeration counts them, written to `name`. False behind the last.
bool carrow_type_name(int32_t id, char *name, int32_t size);

#ifdef __cplusplus
}
#endif
#endif
