# The three architecture patterns of the user's guide to hybrid models, as written there; only the indentation, which
# the guide's text had lost, is restored.
# fmt: off
import torch
from torch import nn

import hqdist as ML


class SequentialHybrid(nn.Module):
    def __init__(self, input_dim, quantum_dim, output_dim):
        super().__init__()
        # Classical preprocessing
        self.classical_pre = nn.Sequential(
            nn.Linear(input_dim, quantum_dim * 2),
            nn.BatchNorm1d(quantum_dim * 2),
            nn.ReLU(),
            nn.Linear(quantum_dim * 2, quantum_dim),
            nn.Sigmoid() # Normalize for quantum layer
        )
        # Quantum processing
        experiment = ML.Experiment(
            circuit_type=ML.CircuitType.SERIES,
            n_modes=6,
            n_photons=3,
            use_bandwidth_tuning=True
        )
        ansatz = ML.AnsatzFactory.create(
            experiment=experiment,
            input_size=quantum_dim,
            output_size=quantum_dim * 2
        )
        self.quantum_layer = ML.QuantumLayer(input_size=quantum_dim, ansatz=ansatz)
        # Classical postprocessing
        self.classical_post = nn.Sequential(
            nn.Linear(quantum_dim * 2, output_dim * 2),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(output_dim * 2, output_dim)
        )
    def forward(self, x):
        x = self.classical_pre(x)
        x = self.quantum_layer(x)
        return self.classical_post(x)


class ParallelHybrid(nn.Module):
    def __init__(self, input_dim, output_dim):
        super().__init__()
        # Classical pathway
        self.classical_path = nn.Sequential(
            nn.Linear(input_dim, 64),
            nn.ReLU(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 16)
        )
        # Quantum pathway
        experiment = ML.Experiment(
            circuit_type=ML.CircuitType.PARALLEL_COLUMNS,
            n_modes=5,
            n_photons=2,
            use_bandwidth_tuning=True
        )
        ansatz = ML.AnsatzFactory.create(
            experiment=experiment,
            input_size=input_dim,
            output_size=16
        )
        self.quantum_path = ML.QuantumLayer(input_size=input_dim, ansatz=ansatz)
        # Fusion layer
        self.fusion = nn.Sequential(
            nn.Linear(32, output_dim * 2), # 16 + 16 = 32 inputs
            nn.ReLU(),
            nn.Linear(output_dim * 2, output_dim)
        )
    def forward(self, x):
        # Normalize input for quantum pathway
        x_quantum = torch.sigmoid(x)
        classical_out = self.classical_path(x)
        quantum_out = self.quantum_path(x_quantum)
        # Combine outputs
        combined = torch.cat([classical_out, quantum_out], dim=1)
        return self.fusion(combined)


class ResidualHybrid(nn.Module):
    def __init__(self, input_dim, output_dim):
        super().__init__()
        self.classical_backbone = nn.Sequential(
            nn.Linear(input_dim, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU()
        )
        # Quantum residual connection
        experiment = ML.Experiment(
            circuit_type=ML.CircuitType.SERIES,
            n_modes=4,
            n_photons=2
        )
        ansatz = ML.AnsatzFactory.create(
            experiment=experiment,
            input_size=64,
            output_size=64
        )
        self.quantum_residual = ML.QuantumLayer(input_size=64, ansatz=ansatz)
        self.output_layer = nn.Linear(64, output_dim)
    def forward(self, x):
        # Classical processing
        classical_out = self.classical_backbone(x)
        # Quantum residual
        quantum_residual = self.quantum_residual(torch.sigmoid(classical_out))
        # Residual connection
        combined = classical_out + quantum_residual
        return self.output_layer(combined)
