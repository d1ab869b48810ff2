"""What is on disk: the folder of a result, its writer, the journal, replay, status and warm caches.

All of it may come from other people, and is hostile until it has been checked.
"""
