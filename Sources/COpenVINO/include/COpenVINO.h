#pragma once
#include <stddef.h>
#include <stdint.h>

/* The functions of OpenVINO's C API that are called, declared here, so that nothing needs its headers or its library to be built. A test
   compiles this file against OpenVINO's own header, which OPENVINO_HEADER names: there all types are OpenVINO's. */

#ifdef OPENVINO_HEADER
#include OPENVINO_HEADER
typedef ov_status_e OpenVINOStatus;
typedef ov_element_type_e OpenVINOElementType;
typedef ov_shape_t OpenVINOShape;
typedef ov_partial_shape_t OpenVINOPartialShape;
typedef ov_property_t OpenVINOProperty;
typedef ov_version_t OpenVINOVersion;
#else
typedef int OpenVINOStatus;
typedef unsigned OpenVINOElementType;
typedef struct { int64_t rank; int64_t *dims; } OpenVINOShape;
typedef struct { int64_t min, max; } OpenVINODimension;
typedef struct { OpenVINODimension rank; OpenVINODimension *dims; } OpenVINOPartialShape;
typedef struct { const char *key; const void *value; } OpenVINOProperty;
typedef struct { const char *buildNumber, *description; } OpenVINOVersion;
typedef struct ov_core ov_core_t;
typedef struct ov_model ov_model_t;
typedef struct ov_compiled_model ov_compiled_model_t;
typedef struct ov_infer_request ov_infer_request_t;
typedef struct ov_tensor ov_tensor_t;
typedef struct ov_output_const_port ov_output_const_port_t;
#endif

/* FUNCTION(result, name without "ov_", parameters) */
#define OPENVINO_FUNCTIONS(FUNCTION) \
    FUNCTION(const char *, get_last_err_msg, (void)) \
    FUNCTION(void, free, (const char *)) \
    FUNCTION(OpenVINOStatus, get_openvino_version, (OpenVINOVersion *)) \
    FUNCTION(void, version_free, (OpenVINOVersion *)) \
    FUNCTION(OpenVINOStatus, core_create, (ov_core_t **)) \
    FUNCTION(OpenVINOStatus, core_read_model_from_memory_buffer, \
        (const ov_core_t *, const char *, size_t, const ov_tensor_t *, ov_model_t **)) \
    FUNCTION(OpenVINOStatus, core_compile_model_props, \
        (const ov_core_t *, const ov_model_t *, const char *, size_t, const OpenVINOProperty *, ov_compiled_model_t **)) \
    FUNCTION(void, model_free, (ov_model_t *)) \
    FUNCTION(OpenVINOStatus, model_inputs_size, (const ov_model_t *, size_t *)) \
    FUNCTION(OpenVINOStatus, model_outputs_size, (const ov_model_t *, size_t *)) \
    FUNCTION(OpenVINOStatus, model_const_input_by_index, (const ov_model_t *, size_t, ov_output_const_port_t **)) \
    FUNCTION(OpenVINOStatus, model_const_output_by_index, (const ov_model_t *, size_t, ov_output_const_port_t **)) \
    FUNCTION(OpenVINOStatus, port_get_any_name, (const ov_output_const_port_t *, char **)) \
    FUNCTION(OpenVINOStatus, port_get_partial_shape, (const ov_output_const_port_t *, OpenVINOPartialShape *)) \
    FUNCTION(OpenVINOStatus, port_get_element_type, (const ov_output_const_port_t *, OpenVINOElementType *)) \
    FUNCTION(void, partial_shape_free, (OpenVINOPartialShape *)) \
    FUNCTION(void, output_const_port_free, (ov_output_const_port_t *)) \
    FUNCTION(OpenVINOStatus, compiled_model_create_infer_request, (const ov_compiled_model_t *, ov_infer_request_t **)) \
    FUNCTION(OpenVINOStatus, compiled_model_get_property, (const ov_compiled_model_t *, const char *, char **)) \
    FUNCTION(void, compiled_model_free, (ov_compiled_model_t *)) \
    FUNCTION(OpenVINOStatus, infer_request_set_input_tensor_by_index, (ov_infer_request_t *, size_t, const ov_tensor_t *)) \
    FUNCTION(OpenVINOStatus, infer_request_set_output_tensor_by_index, (ov_infer_request_t *, size_t, const ov_tensor_t *)) \
    FUNCTION(OpenVINOStatus, infer_request_get_output_tensor_by_index, (const ov_infer_request_t *, size_t, ov_tensor_t **)) \
    FUNCTION(OpenVINOStatus, infer_request_start_async, (ov_infer_request_t *)) \
    FUNCTION(OpenVINOStatus, infer_request_wait, (ov_infer_request_t *)) \
    FUNCTION(OpenVINOStatus, infer_request_cancel, (ov_infer_request_t *)) \
    FUNCTION(void, infer_request_free, (ov_infer_request_t *)) \
    FUNCTION(OpenVINOStatus, tensor_create_from_host_ptr, (OpenVINOElementType, OpenVINOShape, void *, ov_tensor_t **)) \
    FUNCTION(OpenVINOStatus, tensor_get_shape, (const ov_tensor_t *, OpenVINOShape *)) \
    FUNCTION(OpenVINOStatus, tensor_get_element_type, (const ov_tensor_t *, OpenVINOElementType *)) \
    FUNCTION(OpenVINOStatus, tensor_get_byte_size, (const ov_tensor_t *, size_t *)) \
    FUNCTION(OpenVINOStatus, tensor_data, (const ov_tensor_t *, void **)) \
    FUNCTION(void, tensor_free, (ov_tensor_t *)) \
    FUNCTION(OpenVINOStatus, shape_free, (OpenVINOShape *))

#define OPENVINO_FIELD(result, name, parameters) result (*name) parameters;
typedef struct { OPENVINO_FUNCTIONS(OPENVINO_FIELD) } OpenVINOFunctions;
#undef OPENVINO_FIELD

/* Loads the library of this name and finds its functions. It returns null, or why it cannot, in a text that holds until the next call. */
const char *openVINOLoad(const char *library, OpenVINOFunctions *functions);

/* The path of the library that has a function; NULL where that is not known. */
const char *openVINOLibraryOf(const void *function);
