"""The TensorBoard plugin: routes over `context.data_provider`, and the page's files."""
