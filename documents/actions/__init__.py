"""What a person can do with folders, documents, topics and the trash; each verb asks, changes, tells."""
