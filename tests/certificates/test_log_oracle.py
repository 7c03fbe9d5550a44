"""Our log against another library's tree: pymerkle, which also follows RFC 9162."""

from pymerkle import InmemoryTree  # type: ignore[import-untyped]  # it ships no types

from certificates.log import MerkleLog, is_consistent, is_included, leaf_hash

ENTRIES = [f"certificate {number}".encode() for number in range(70)]


def test_another_library_finds_the_same_roots():
    theirs, ours = InmemoryTree(algorithm="sha256"), MerkleLog()

    for entry in ENTRIES:
        theirs.append_entry(entry)
        ours.append(leaf_hash(entry))
        assert theirs.get_root() == ours.root()


def test_the_hashes_of_its_proofs_are_those_of_ours():
    theirs, ours = InmemoryTree(algorithm="sha256"), MerkleLog(map(leaf_hash, ENTRIES))
    for entry in ENTRIES:
        theirs.append_entry(entry)

    for index in range(70):
        proof = ours.inclusion_proof(index)
        assert is_included(leaf_hash(ENTRIES[index]), index, 70, proof, theirs.get_root())
        assert set(proof) <= set(theirs.prove_inclusion(index + 1, 70).path)
    for size in range(1, 71):
        proof = ours.consistency_proof(size)
        assert is_consistent(
            size, 70, proof, old_root=theirs.get_root(size), root=theirs.get_root()
        )
