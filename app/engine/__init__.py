"""The process engine: the only importer of SpiffWorkflow."""
