"""Face detection and tracking: meshes in every frame, identities, and the cache of detections."""
