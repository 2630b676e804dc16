"""The bake-off: is a score better related to winning than older metrics, and more stable?"""
